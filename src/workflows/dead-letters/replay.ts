import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import {
  ActivityCancellationType,
  CancelledFailure,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ReplayActivities, ReplayCall, ReplayProgress } from '../../protocol/dead-letter-replay';
import type { ReplayInput } from '../../protocol/input';
import { readFailure } from '../shared/failure';
import { backOffMs } from '../stream/phases/policy';
import { failureOf, refusalOf } from '../stream/refuse';
import { unreadable } from '../shared/version';

const RETRY = { maxAttempts: 0, initialMs: 1_000, maxMs: 30_000, multiplier: 2 };
/** Failures in a row that end the replay. Fresh copies that it has asked for are still made; another replay tells how they went. */
const FAILURES = 20;

const { replayLetters: call } = proxyActivities<ReplayActivities>({
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '10s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { maximumAttempts: 1 },
  summary: 'replay dead letters',
});

const isProgress = (value: unknown): value is ReplayProgress =>
  typeof value === 'object' && value !== null && 'superseded' in value;

/** How far a call was that failed. */
function progressOf(error: unknown): ReplayProgress | null {
  const cause = error instanceof ActivityFailure ? error.cause : null;
  const details: unknown =
    cause instanceof TimeoutFailure
      ? cause.lastHeartbeatDetails
      : cause instanceof ApplicationFailure
        ? cause.details?.[1]
        : null;
  return isProgress(details) ? details : null;
}

function show({ letters, superseded, refused, dropped, untouched }: ReplayProgress): void {
  setCurrentDetails(
    [
      '| Dead letters | |',
      '| --- | --- |',
      ...Object.entries({ letters, superseded, refused, dropped, untouched }).map(([name, n]) => `| ${name} | ${n} |`),
    ].join('\n'),
  );
}

/** Has the stream copy again the rows of its dead letters. Doing it twice does no harm: a dead letter that was superseded or dropped is not open any more. */
export async function replayDeadLetters(input: ReplayInput): Promise<ReplayProgress> {
  const unread = unreadable(input);
  if (unread !== null) throw failureOf(unread);
  const { spec, filter } = input;
  let settled: ReplayCall['settled'] = { superseded: 0, dropped: 0 };
  let failures = 0;
  const adopt = ({ superseded, dropped }: ReplayProgress): void => void (settled = { superseded, dropped });
  for (;;) {
    try {
      const { reason, progress } = await call({ spec, filter, settled });
      show(progress);
      if (reason === 'cancelled') throw new CancelledFailure('the replay was cancelled');
      if (reason === 'done') {
        log.info('dead_letters.replayed', { event: 'dead_letters.replayed', ...progress });
        return progress;
      }
      adopt(progress);
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { cause, info } = readFailure(error, workflowInfo().taskQueue);
      const progress = progressOf(error);
      if (progress !== null) adopt(progress);
      failures += 1;
      if (cause === 'platform' && failures < FAILURES) continue;
      // A day, and the stream has not tried them: it rests, or is gone.
      if (info.kind !== 'retry' || info.code === 'leg_overrun' || failures >= FAILURES) throw refusalOf(error);
      await sleep(backOffMs(failures, RETRY, Math.random()));
    }
  }
}
