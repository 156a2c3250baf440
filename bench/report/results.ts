import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Conditions } from '../options';
import type { Outcome } from './outcome';

/** The last result of a suite, and how to repeat it. */
export interface Result extends Outcome {
  readonly suite: string;
  readonly command: string;
  readonly conditions: Conditions;
}

export type Results = Readonly<Record<string, Result>>;

export async function readResults(file: string): Promise<Results> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** Replaces this suite's result and leaves the others. */
export async function keepResult(file: string, result: Result): Promise<Results> {
  const results = { ...(await readResults(file)), [result.suite]: result };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
  return results;
}
