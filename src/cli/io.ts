import { setMaxListeners } from 'node:events';
import { isatty } from 'node:tty';
import type { Colors } from 'picocolors/types';
import { createColors } from 'picocolors';

interface Sink {
  write(text: string): unknown;
}

/** What a command may touch of the process; tests give their own. */
export interface Io {
  readonly out: Sink;
  readonly err: Sink;
  /** Standard output is a terminal: live tables redraw, otherwise they print lines. */
  readonly tty: boolean;
  /** How many columns a line may have, as of now; infinite where nothing limits it. */
  readonly columns: number;
  readonly paint: Colors;
  readonly env: NodeJS.ProcessEnv;
  /** The `tributary` script, to start a worker as a process of its own. */
  readonly script: string;
  /** From the first call on, Ctrl-C and SIGTERM abort this signal; a second one ends the process. */
  interrupted(): AbortSignal;
}

const FALLBACK_COLUMNS = 80;

/** A terminal's own width; else what `COLUMNS` says. What goes to a file or a program has no limit. */
export function columnsOf(terminal: number | undefined, env: NodeJS.ProcessEnv, tty: boolean): number {
  // Some terminals say 0.
  if (terminal !== undefined && terminal > 0) return terminal;
  const said = env['COLUMNS'] ?? '';
  if (/^[1-9]\d*$/u.test(said)) return Number(said);
  return tty ? FALLBACK_COLUMNS : Infinity;
}

const wantsColor = (env: NodeJS.ProcessEnv, tty: boolean): boolean =>
  tty && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

export function processIo(script: string, force: () => never): Io {
  // Not `isTTY`: that is undefined for a pipe, and colours would be decided by the environment instead.
  const tty = isatty(1);
  let signal: AbortSignal | undefined;
  return {
    out: process.stdout,
    err: process.stderr,
    tty,
    get columns() {
      return columnsOf(tty ? process.stdout.columns : undefined, process.env, tty);
    },
    paint: createColors(wantsColor(process.env, tty)),
    env: process.env,
    script,
    interrupted() {
      signal ??= onInterrupt(force);
      return signal;
    },
  };
}

function onInterrupt(force: () => never): AbortSignal {
  const controller = new AbortController();
  // Everything that a command waits for listens, and Node warns at eleven.
  setMaxListeners(0, controller.signal);
  const interrupt = (): void => {
    if (controller.signal.aborted) force();
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
