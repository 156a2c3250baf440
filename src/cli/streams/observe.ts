import type { WorkflowExecutionDescription, WorkflowExecutionInfo } from '@temporalio/client';
import { defaultPayloadConverter, defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time';
import { SEARCH_ATTRIBUTES, WORKFLOW_TYPE, workflowId } from '../../protocol/names';
import { statusQuery } from '../../protocol/stream-messages';
import type { StreamStatus } from '../../protocol/stream-state';
import { withLive, type StreamView } from '../../protocol/stream-view';
import type { CopyProgress, LegProgress } from '../../core/pump/progress';
import type { Temporal } from '../temporal';
import type { Execution, StreamReport } from './report';

const STATUS = defineSearchAttributeKey(SEARCH_ATTRIBUTES.status, SearchAttributeType.KEYWORD);
const PREFIX = workflowId('');
const QUERY_TIMEOUT_MS = 2_500;

const EXECUTIONS: Readonly<Record<string, Execution>> = {
  RUNNING: 'running',
  CONTINUED_AS_NEW: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed_out',
};

/** What a list and a description have in common. */
type Info = Pick<
  WorkflowExecutionInfo,
  'workflowId' | 'runId' | 'taskQueue' | 'startTime' | 'typedSearchAttributes'
> & {
  readonly status: { readonly name: string };
};

export interface ListOptions {
  /** Streams that have ended too. */
  readonly all?: boolean;
}

/** What Temporal knows, with each stream's own answer where a worker is there to give it. */
export async function listStreams(temporal: Temporal, { all = false }: ListOptions = {}): Promise<StreamReport[]> {
  const latest = new Map<string, WorkflowExecutionInfo>();
  const query = `WorkflowType = "${WORKFLOW_TYPE}"${all ? '' : ' AND ExecutionStatus = "Running"'}`;
  for await (const info of temporal.client.workflow.list({ query })) {
    if (!info.workflowId.startsWith(PREFIX)) continue;
    const known = latest.get(info.workflowId);
    if (known === undefined || known.startTime < info.startTime) latest.set(info.workflowId, info);
  }
  const infos = [...latest.values()].sort((a, b) => (a.workflowId < b.workflowId ? -1 : 1));
  return Promise.all(infos.map(async (info) => reportOf(info, await ask(temporal, info.workflowId), [])));
}

/** One stream, with the progress of the leg that is running now. Rejects when Temporal does not know it. */
export async function observe(temporal: Temporal, stream: string): Promise<StreamReport> {
  const id = workflowId(stream);
  const [description, view] = await Promise.all([temporal.client.workflow.getHandle(id).describe(), ask(temporal, id)]);
  return reportOf(description, view, heartbeats(description));
}

interface Beat {
  readonly progress: LegProgress | CopyProgress;
  readonly asOf: string;
}

/** What workers of an older version do not tell yet. */
const TOLD_LATELY = { asOf: null, live: false, windowAtLeast: false, sourceProblem: null };

/** Null when no worker answers in time. */
async function ask(temporal: Temporal, id: string): Promise<StreamView | null> {
  const { client } = temporal;
  return client
    .withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => client.workflow.getHandle(id).query(statusQuery))
    .then((view) => ({ ...TOLD_LATELY, ...view }))
    .catch(() => null);
}

/** Heartbeats of what runs now. Stream workflows use the default payload converter: nothing in them is a secret. */
function heartbeats(description: WorkflowExecutionDescription): Beat[] {
  const pending = description.raw.pendingActivities ?? [];
  return pending.flatMap(({ heartbeatDetails, lastHeartbeatTime }) => {
    const payload = heartbeatDetails?.payloads?.[0];
    const details: unknown = payload == null ? undefined : defaultPayloadConverter.fromPayload(payload);
    const asOf = new Date(optionalTsToMs(lastHeartbeatTime) ?? Date.now()).toISOString();
    return isProgress(details) ? [{ progress: details, asOf }] : [];
  });
}

const isProgress = (value: unknown): value is LegProgress | CopyProgress =>
  typeof value === 'object' && value !== null && ('changesPerSecond' in value || 'rowsPerSecond' in value);

function reportOf(info: Info, view: StreamView | null, beats: readonly Beat[]): StreamReport {
  const execution = EXECUTIONS[info.status.name] ?? 'unknown';
  const live = execution === 'running' && view !== null && beats.length > 0;
  const known = info.typedSearchAttributes.get(STATUS);
  return {
    stream: info.workflowId.slice(PREFIX.length),
    status: view?.status ?? (known as StreamStatus | undefined) ?? 'unknown',
    workflow: {
      id: info.workflowId,
      runId: info.runId,
      taskQueue: info.taskQueue,
      execution,
      startedAt: info.startTime.toISOString(),
    },
    worker: view === null ? 'silent' : 'answers',
    live,
    view: live ? beats.reduce((seen, { progress, asOf }) => withLive(seen, progress, asOf), view) : view,
  };
}
