import { Context } from '@temporalio/activity';
import { isReplicationError } from '../core/model/errors';
import type { Log } from '../core/ports/connector';
import { addressed } from '../core/model/remedy';
import { placeOf, toFailure } from './failure';
import type { ActivityDeps } from './deps';
import { startHeartbeat } from './heartbeat';
import { stopOf, type Stop } from './stream/stop';

/** What an activity is given while it runs. */
export interface Call extends Stop {
  readonly log: Log;
  /** Heartbeats, and a failure, carry what this returns from now on. */
  readonly report: (progress: () => unknown) => void;
}

/** Runs the body of an activity: beats first and last, and lets no error out but one that the workflow can read. */
export async function runCall<T>(
  deps: Pick<ActivityDeps, 'log'>,
  stream: string,
  body: (call: Call) => Promise<T>,
): Promise<T> {
  const log = deps.log(stream);
  const stop = stopOf(Context.current());
  let progress: () => unknown = () => null;
  using _beat = startHeartbeat(() => progress());
  try {
    return addressed(await body({ ...stop, log, report: (next) => void (progress = next) }), stream);
  } catch (error) {
    const failure = toFailure(error, { stream, interrupted: stop.signal.aborted, progress: progress() });
    if (!isReplicationError(error) && failure.type === 'unexpected')
      log('error', 'call.unexpected_error', { error: failure.message, place: placeOf(error) });
    throw failure;
  }
}
