import { ServiceError } from '@temporalio/client';
import { grpcCode } from '../explain';
import type { Io } from '../io';
import { remark } from '../output';
import type { Temporal } from '../temporal';

export interface ControlOptions {
  readonly io: Io;
  /** `pausing orders`: what the person waits for. */
  readonly doing: string;
  readonly timeoutMs: number;
}

const HINT_AFTER_MS = 3_000;
const FAILED_PRECONDITION = 9;
const MOST_SENDS = 3;

/**
 * Temporal gives an update back to its caller, not done, when an event comes in just as the workflow answers: a `stop` that meets the
 * end of an inspection was told as an error. It is sent again.
 */
export async function sentAgain<T>(update: () => Promise<T>): Promise<T> {
  for (let sends = 1; ; sends += 1)
    try {
      return await update();
    } catch (error) {
      const isGivenBack = error instanceof ServiceError && grpcCode(error.cause) === FAILED_PRECONDITION;
      if (!isGivenBack || sends === MOST_SENDS) throw error;
    }
}

/** Waits for an update's outcome, and says what it waits for when that takes longer than a person expects. */
export async function patiently<T>(
  { client, taskQueue }: Temporal,
  { io, doing, timeoutMs }: ControlOptions,
  update: () => Promise<T>,
): Promise<T> {
  const hint = setTimeout(() => {
    remark(io, `${doing}… (a worker on task queue ${JSON.stringify(taskQueue)} has to answer)`);
  }, HINT_AFTER_MS);
  try {
    return await client.withDeadline(Date.now() + timeoutMs, () => sentAgain(update));
  } finally {
    clearTimeout(hint);
  }
}
