import { Client, type WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { temporal as proto } from '@temporalio/proto';
import { WORKER_LOST } from '../protocol/failure';
import type { Log } from '../core/ports/connector';
import type { TemporalConnection } from './temporal/connection';
import type { WorkerSettings } from './settings';

const STARTED = proto.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
const AT_ONCE = 10;
/** Longer than this is not worth a later start: the heartbeat timeout ends the others. */
const BUDGET_MS = 5_000;
const CALL_MS = 2_000;

type Pending = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];

const heldBy =
  (identity: string) =>
  ({ state, lastWorkerIdentity }: Pending): boolean =>
    state === STARTED && lastWorkerIdentity === identity;

function lost({ heartbeatDetails }: Pending): ApplicationFailure {
  const payload = heartbeatDetails?.payloads?.[0];
  const progress: unknown = payload == null ? null : defaultPayloadConverter.fromPayload(payload);
  return ApplicationFailure.create({
    type: WORKER_LOST,
    message: 'the worker that ran this was lost; it has come back',
    details: [null, progress],
  });
}

/**
 * A worker that comes back under a configured identity fails the activities of the process that had this identity before:
 * Temporal then gives them to a worker at once, instead of after the heartbeat timeout. It does so only before it polls: from
 * then on its own activities have this identity too. If the earlier process is alive after all, the destination fences it.
 */
export async function failOrphanedActivities(
  { connection, namespace }: TemporalConnection,
  { identity, comesBack, taskQueue }: WorkerSettings,
  log: Log,
): Promise<void> {
  if (!comesBack) return;
  const client = new Client({ connection, namespace, identity });
  const deadline = Date.now() + BUDGET_MS;
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Math.min(deadline, Date.now() + CALL_MS), call);

  const failed: string[] = [];
  const failHeld = async (workflowId: string, runId: string): Promise<void> => {
    const { raw } = await within(() => client.workflow.getHandle(workflowId, runId).describe());
    const held = (raw.pendingActivities ?? []).filter(heldBy(identity));
    if (held.length === 0) return;
    // No process polls the earlier worker's queue of cached workflows any more: a workflow task in it would wait in vain.
    const execution = { workflowId, runId };
    await within(() => connection.workflowService.resetStickyTaskQueue({ namespace, execution }));
    for (const pending of held) {
      const activityId = pending.activityId ?? '';
      await within(() => client.activity.fail({ workflowId, runId, activityId }, lost(pending)));
      failed.push(workflowId);
    }
  };

  try {
    // An activity is described under its workflow, and those of streams are on this queue.
    const query = `TaskQueue = ${JSON.stringify(taskQueue)} AND ExecutionStatus = "Running"`;
    const open = client.workflow.list({ query })[Symbol.asyncIterator]();
    const follow = async (): Promise<void> => {
      while (Date.now() < deadline) {
        const next = await within(() => open.next());
        if (next.done === true) return;
        const { workflowId, runId } = next.value;
        await failHeld(workflowId, runId).catch((error: unknown) => told(log, error));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, follow));
  } catch (error) {
    told(log, error);
  }
  if (failed.length > 0) log('info', 'orphaned_activities.failed', { identity, legs: failed.length });
}

/** Not a reason to stay down: the heartbeat timeout does the same, later. */
const told = (log: Log, error: unknown): void =>
  log('warn', 'orphaned_activities.unknown', { code: (error as { code?: unknown }).code });
