import { setMaxListeners } from 'node:events';
import { createColors } from 'picocolors';
import { main } from '../../src/cli/main';
import type { Pipeline } from './pipeline';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** The command line in this process, with the environment that the pipeline's workers have. */
export async function runCli(t: Pipeline, ...args: string[]): Promise<Ran> {
  const written = { out: '', err: '' };
  // Connection strings are resolved from the environment of the process.
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  Object.assign(process.env, t.workerEnv);
  const status = await main(args, {
    out: { write: (text) => (written.out += text) },
    err: { write: (text) => (written.err += text) },
    tty: false,
    columns: 120,
    paint: createColors(false),
    env: process.env,
    script: '',
    interrupted: () => signal,
  });
  return { status, ...written };
}

/** What a command prints for programs. */
export async function jsonCli<T>(t: Pipeline, ...args: string[]): Promise<T> {
  const { out, err } = await runCli(t, ...args, '--format', 'json');
  if (out === '') throw new Error(err);
  return JSON.parse(out) as T;
}
