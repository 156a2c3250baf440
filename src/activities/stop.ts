import type { Context } from '@temporalio/activity';

/** Why a call was told to end. */
export type StopReason = 'cancelled' | 'shutdown';

export interface Stop {
  /** Aborts when the workflow cancels the call, and when the worker shuts down. */
  readonly signal: AbortSignal;
  reason(): StopReason;
}

export function stopOf(context: Context): Stop {
  return {
    signal: context.cancellationSignal,
    reason: () => (context.cancellationDetails?.workerShutdown === true ? 'shutdown' : 'cancelled'),
  };
}
