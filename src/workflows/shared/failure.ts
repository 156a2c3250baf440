import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { INTERRUPTED, WORKER_LOST, type FailureInfo } from '../../protocol/failure';
import { PUMP_ACTIVITIES, pumpQueue } from '../../protocol/stream-activities';
import type { CopyProgress, LegProgress } from '../../core/pump/progress';

/** What a failed call tells. */
export interface CallFailure {
  readonly info: FailureInfo;
  /** `interrupted`: as asked. `platform`: a worker or Temporal, not the stream; go on at once. `stream`: its kind decides. */
  readonly cause: 'interrupted' | 'platform' | 'stream';
  /** How far the call was known to be. */
  readonly progress: LegProgress | CopyProgress | null;
}

const KINDS: ReadonlySet<unknown> = new Set(['retry', 'poison', 'needs_attention', 'fenced', 'bug']);

const isInfo = (value: unknown): value is FailureInfo =>
  typeof value === 'object' && value !== null && 'kind' in value && KINDS.has(value.kind) && 'code' in value;

const progressOf = (value: unknown): CallFailure['progress'] =>
  typeof value === 'object' && value !== null && ('totals' in value || 'rangesDone' in value)
    ? (value as LegProgress | CopyProgress)
    : null;

const platform = (code: string, message: string, remedy: string, details?: unknown): CallFailure => ({
  cause: 'platform',
  info: { kind: 'retry', code, message, remedy },
  progress: progressOf(details),
});

const stream = (info: FailureInfo, details?: unknown): CallFailure => ({
  cause: 'stream',
  info,
  progress: progressOf(details),
});

const interrupted = (info?: FailureInfo, details?: unknown): CallFailure => ({
  cause: 'interrupted',
  info: info ?? INTERRUPTED,
  progress: progressOf(details),
});

function timedOut(failure: TimeoutFailure, queue: string): CallFailure {
  switch (failure.timeoutType) {
    case 'HEARTBEAT':
      return platform('worker_lost', 'the worker that ran this leg was lost', '', failure.lastHeartbeatDetails);
    case 'SCHEDULE_TO_START':
      return platform(
        'no_worker',
        `no worker polls the task queue ${queue}, or none has a free slot`,
        'start a worker, or raise service.max_concurrent_streams',
      );
    case 'START_TO_CLOSE':
    case 'SCHEDULE_TO_CLOSE':
    case undefined:
      return stream(
        {
          kind: 'retry',
          code: 'leg_overrun',
          message: 'the call went on long after its time and was given up',
          remedy: 'look at the log of the worker that ran it',
        },
        failure.lastHeartbeatDetails,
      );
  }
}

function application(failure: ApplicationFailure): CallFailure {
  const [info, progress] = failure.details ?? [];
  if (isInfo(info)) return info.code === INTERRUPTED.code ? interrupted(info, progress) : stream(info, progress);
  // Raised by the worker itself, when it comes back under the identity that it had.
  if (failure.type === WORKER_LOST)
    return platform('worker_lost', 'the worker that ran this leg was lost, and has come back', '', progress);
  // Raised by the SDK's core when a worker shuts down before the activity could return.
  if (failure.type === 'WorkerShutdown') return platform('worker_lost', 'the worker shut down', '', progress);
  return stream({
    kind: 'retry',
    code: 'activity_failed',
    // Not the failure's own message: it may hold a row or a secret.
    message: `the call failed outside Tributary (${failure.type ?? 'no type'})`,
    remedy: 'look at the log of the worker that ran it; workers of different versions may share a task queue',
  });
}

/** Calls that write go to the pump queue, all others to the queue of the workflow itself. */
const queueOf = (error: TemporalFailure, taskQueue: string): string =>
  error instanceof ActivityFailure && error.activityType in PUMP_ACTIVITIES ? pumpQueue(taskQueue) : taskQueue;

/**
 * What a call's error means, in a workflow on this task queue. An error that is not Temporal's is a bug in workflow code and is
 * thrown on.
 */
export function readFailure(error: unknown, taskQueue: string): CallFailure {
  if (error instanceof CancelledFailure) return interrupted();
  if (!(error instanceof TemporalFailure)) throw error;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof CancelledFailure) return interrupted();
  if (cause instanceof TimeoutFailure) return timedOut(cause, queueOf(error, taskQueue));
  if (cause instanceof ApplicationFailure) return application(cause);
  return platform('activity_lost', 'Temporal gave up the call', '');
}
