import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { ActivityInterfaceFor } from '@temporalio/workflow';
import ms, { type StringValue } from 'ms';
import { pumpQueue, type StreamActivities } from '../../protocol/stream-activities';
import type { Run } from '../stream/run';

type Calls = ActivityInterfaceFor<StreamActivities>;

export const durationMs = (duration: string): number => ms(duration as StringValue);

const MINUTE_MS = 60_000;

/** Discarding and planning thousands of namespaces takes a while; heartbeats tell a live call from a dead one. */
export const PREPARE_MS = 60 * MINUTE_MS;
/** For calls in which the destination may build an index, which nothing else bounds; a leg that hangs gives itself up long before. */
export const LONGEST_MS = 24 * 60 * MINUTE_MS;
/** No free slot for this long is shown to a person; then the wait goes on. */
export const SCHEDULE_TO_START_MS = 2 * MINUTE_MS;

/** With `failover: fast`; shorter, and a busy worker is taken for a lost one. */
const FAST_HEARTBEAT_MS = 2_500;

function heartbeatTimeoutMs({ spec }: Run): number {
  const { failover, heartbeat_timeout: timeout } = spec.stream.advanced;
  return failover === 'fast' ? Math.min(FAST_HEARTBEAT_MS, durationMs(timeout)) : durationMs(timeout);
}

/**
 * Calls that write, on the pump queue. One attempt only: the workflow owns back-off and status, and a retry by the
 * server would lose the position of a leg that is cancelled between two attempts.
 */
export const dataCalls = (run: Run, startToCloseTimeout: number, summary: string): Calls =>
  proxyActivities<StreamActivities>({
    taskQueue: pumpQueue(workflowInfo().taskQueue),
    startToCloseTimeout,
    scheduleToStartTimeout: SCHEDULE_TO_START_MS,
    heartbeatTimeout: heartbeatTimeoutMs(run),
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
    summary,
  });

/** A part of the whole time, so that a queue without a worker is told from a call that takes too long. */
const startWithinMs = (wholeMs: number): number => Math.min(wholeMs, Math.max(10_000, Math.floor(wholeMs / 3)));

/** Short calls that write nothing, on the control queue. The workflow owns their failures too. */
export const controlCalls = (summary: string, scheduleToCloseTimeout: number = 2 * MINUTE_MS): Calls =>
  proxyActivities<StreamActivities>({
    scheduleToCloseTimeout,
    scheduleToStartTimeout: startWithinMs(scheduleToCloseTimeout),
    heartbeatTimeout: 30_000,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 1 },
    summary,
  });
