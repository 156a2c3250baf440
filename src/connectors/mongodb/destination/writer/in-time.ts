import { MongoNetworkTimeoutError, MongoOperationTimeoutError } from 'mongodb';
import { systemClock } from '../../../../host/clock';
import { classify } from '../../errors';
import { isReplicationError, ReplicationError, tooSlow } from '../../../../core/model/errors';
import { within } from '../../../../core/async/within';

/** What says that the same step, sent again, would not fare better, and that half of it might. */
const PRESSING = new Set(['conflict', 'throttled', 'time_limit', 'too_slow']);

/** It writes one record, but waits behind what is under way on the session. */
const UNDONE_MS = 10_000;

/**
 * Writes a step, but for no longer than `ms`. A step that was given up may have been committed unseen: `undone` makes sure that
 * it was not and cannot be any more, or answers false, as `write` does where all was written before. Only then may something
 * smaller take its place: `too_slow`.
 */
export async function inTime(
  ms: number | undefined,
  signal: AbortSignal,
  write: (limit: AbortSignal) => Promise<boolean>,
  undone: (limit: AbortSignal) => Promise<boolean>,
): Promise<boolean> {
  if (ms === undefined) return write(signal);
  try {
    return await within(systemClock, ms, signal, write);
  } catch (error) {
    const cause = pressing(error);
    if (signal.aborted || cause === null) throw error;
    const isUndone = await within(systemClock, UNDONE_MS, signal, undone).catch((failure: unknown) => {
      throw isReplicationError(failure, 'too_slow') ? unanswered(cause) : failure;
    });
    if (!isUndone) return false;
    throw tooSlow(cause.message, cause);
  }
}

/** What became of the step is not known: the next claim reads it from the ledger. */
const unanswered = (cause: ReplicationError): ReplicationError =>
  new ReplicationError('retry', {
    code: 'no_answer',
    message: `destination: a step was given up (${cause.message}), and what became of it had no answer either`,
    remedy: 'Check that the destination runs, and that nothing between it and the worker holds up what is sent.',
    cause,
  });

function pressing(error: unknown): ReplicationError | null {
  const told = classify(error, { role: 'destination' });
  const timedOut = error instanceof MongoNetworkTimeoutError || error instanceof MongoOperationTimeoutError;
  return timedOut || (isReplicationError(told) && PRESSING.has(told.code)) ? told : null;
}
