import { setTimeout as delay } from 'node:timers/promises';
import { defaultPayloadConverter, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { ReplayFilter, ReplayProgress } from '../../protocol/dead-letter-replay';
import { replayHowTo } from '../../protocol/how-to';
import { INPUT_VERSION, type ReplayInput } from '../../protocol/input';
import { REPLAY_TYPE, replayId } from '../../protocol/names';
import { CliError } from '../failure';
import { Outage } from '../outage';
import { observe } from '../streams/observe';
import type { StreamReport } from '../streams/report';
import { specOf } from '../streams/spec';
import type { Temporal } from '../temporal';

/** The documented JSON of `dead-letters replay`. */
export interface Replayed extends ReplayProgress {
  readonly stream: string;
  readonly workflow: string;
}

export interface Told {
  /** Null until its worker has told of it. */
  readonly progress: ReplayProgress | null;
  /** Why it does not go on at the moment. */
  readonly waits: string | null;
}

const LOOK_EVERY_MS = 500;
const RESTING = new Set(['paused', 'pausing', 'needs_attention', 'stopped', 'finalized']);

/** Only the stream writes rows: a replay of one that does not move would wait for ever. */
function whyNot({ stream, status, workflow, worker }: StreamReport): { message: string; remedy: string } | null {
  if (workflow.execution !== 'running')
    return {
      message: `stream ${stream} does not run (${status}), and only the stream itself writes its rows`,
      remedy: 'start it with `tributary apply -f FILE`, then replay',
    };
  if (RESTING.has(status))
    return {
      message: `stream ${stream} is ${status}, and only the stream itself writes its rows`,
      remedy: `resume it first: tributary streams resume ${stream}`,
    };
  if (worker === 'silent')
    return { message: `no worker answers for stream ${stream}`, remedy: 'start one with `tributary worker`' };
  return null;
}

async function begin(temporal: Temporal, stream: string, filter: ReplayFilter): Promise<WorkflowHandle> {
  const report = await observe(temporal, stream);
  const refused = whyNot(report);
  if (refused !== null) throw new CliError(refused.message, refused.remedy);
  const input: ReplayInput = { version: INPUT_VERSION, spec: await specOf(temporal, stream), filter };
  return temporal.client.workflow
    .start(REPLAY_TYPE, {
      workflowId: replayId(stream),
      taskQueue: report.workflow.taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: `replay dead letters of ${stream}`,
      staticDetails: replayHowTo(stream, temporal.namespace),
    })
    .catch((cause: unknown) => {
      if (!(cause instanceof WorkflowExecutionAlreadyStartedError)) throw cause;
      throw new CliError(
        `dead letters of ${stream} are being replayed already, as workflow ${replayId(stream)}`,
        'wait until that has ended, then replay what is left',
        { cause },
      );
    });
}

const progressOf = ({ raw }: WorkflowExecutionDescription): ReplayProgress | null => {
  const payload = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0];
  return payload == null ? null : defaultPayloadConverter.fromPayload<ReplayProgress | null>(payload);
};

export interface Telling {
  readonly tell: (told: Told) => void;
  /** Told: that Temporal is away, and that it is back. */
  readonly say: (line: string) => void;
}

/** Starts a replay and follows it to its end. Ctrl-C ends the command, not the replay. */
export async function replay(
  temporal: Temporal,
  stream: string,
  filter: ReplayFilter,
  { tell, say }: Telling,
  signal: AbortSignal,
): Promise<Replayed> {
  const { workflowId: workflow } = await begin(temporal, stream, filter);
  const outage = new Outage(temporal, { say });
  const read = async (at: Temporal): Promise<ReplayProgress | null> => {
    const seen = at.client.workflow.getHandle(workflow);
    const description = await seen.describe();
    if (description.status.name !== 'RUNNING') return (await seen.result()) as ReplayProgress;
    const report = await observe(at, stream);
    tell({ progress: progressOf(description), waits: whyNot(report)?.message ?? null });
    return null;
  };
  try {
    for (;;) {
      const ended = await outage.answer(read, signal);
      if (ended !== null) return { stream, workflow, ...ended };
      await delay(LOOK_EVERY_MS, undefined, { signal });
    }
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new CliError(`stopped looking; the replay goes on as workflow ${workflow}`, '', { cause });
  }
}
