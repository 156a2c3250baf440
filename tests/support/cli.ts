import { setMaxListeners } from 'node:events';
import { main } from '../../src/cli/main';
import type { Pipeline } from './pipeline';
import { testIo } from './io';

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** The command line in this process, with the environment that the pipeline's workers have. */
export async function runCli(t: Pipeline, ...args: string[]): Promise<Ran> {
  // Connection strings are resolved from the environment of the process.
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  Object.assign(process.env, t.workerEnv);
  const { io, written } = testIo({ columns: 120, env: process.env, interrupted: () => signal });
  const status = await main(args, io);
  return { status, ...written };
}

/** What a command prints for programs. */
export async function jsonCli<T>(t: Pipeline, ...args: string[]): Promise<T> {
  const { out, err } = await runCli(t, ...args, '--format', 'json');
  if (out === '') throw new Error(err);
  return JSON.parse(out) as T;
}
