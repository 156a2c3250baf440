import type { Context } from '@temporalio/activity';
import { controllerForMany } from '../../core/async/controller';

/** Why a call was told to end. */
export type StopReason = 'cancelled' | 'shutdown';

export interface Stop {
  /** Aborts when the workflow cancels the call, and when the worker shuts down. */
  readonly signal: AbortSignal;
  reason(): StopReason;
}

/** A signal without a reason of its own: Temporal's would come out of connectors as an error that they cannot classify. */
function plain(signal: AbortSignal): AbortSignal {
  const controller = controllerForMany();
  const abort = (): void => controller.abort();
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return controller.signal;
}

export function stopOf(context: Context): Stop {
  return {
    signal: plain(context.cancellationSignal),
    reason: () => (context.cancellationDetails?.workerShutdown === true ? 'shutdown' : 'cancelled'),
  };
}
