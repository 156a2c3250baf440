import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';
import { CliError, usageError } from './failure';

export interface Question {
  /** `Drop 3 dead letters of orders?` */
  readonly question: string;
  /** `3 dead letters of orders would be dropped`: where no person can be asked. */
  readonly would: string;
  /** `nothing was dropped`: after a no. */
  readonly declined: string;
}

/** Asks the person at the terminal; rejects unless the answer is yes. */
export async function confirm({ question, would, declined }: Question, signal: AbortSignal): Promise<void> {
  if (!isatty(0)) throw usageError(`${would}, and there is no terminal to ask at`, 'add --yes');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `, { signal });
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(declined);
  } finally {
    asking.close();
  }
}
