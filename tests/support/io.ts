import { createColors } from 'picocolors';
import type { Io } from '../../src/cli/io';

export interface Written {
  out: string;
  err: string;
}

/** What a command gets in a test: no terminal, no colours, no interruption; what it writes is kept. */
export function testIo(given: Partial<Io> = {}): { readonly io: Io; readonly written: Written } {
  const written: Written = { out: '', err: '' };
  const io: Io = {
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
    tty: false,
    columns: 80,
    paint: createColors(false),
    env: {},
    script: '',
    interrupted: () => new AbortController().signal,
    ...given,
  };
  return { io, written };
}
