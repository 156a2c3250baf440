import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { diffSpec } from '../../config/diff';
import type { StreamSpec } from '../../config/schema';
import { WORKFLOW_TYPE, workflowId } from '../../protocol/names';
import { pauseUpdate, reconfigureUpdate, resumeUpdate } from '../../protocol/stream-messages';
import type { StreamView } from '../../protocol/stream-view';
import { explain } from '../explain';
import { CliError } from '../failure';
import type { Io } from '../io';
import { patiently } from '../streams/control';
import { listStreams } from '../streams/observe';
import type { Temporal } from '../temporal';
import {
  type Attributes,
  type MissingAttributes,
  missingOf,
  refuseMissing,
  registerSearchAttributes,
  startRefused,
} from './attributes';
import { running, type Running } from './current';
import { type PlannedStream, planStream } from './plan';
import { unpolledQueues } from './pollers';
import { applySchedule } from './schedule';
import { startOptions } from './start';

export interface AppliedStream extends PlannedStream {
  readonly outcome: 'done' | 'planned' | 'failed';
  readonly error: { readonly message: string; readonly remedy: string } | null;
}

/** The documented JSON of `apply`. */
export interface Applied {
  readonly dryRun: boolean;
  readonly streams: readonly AppliedStream[];
  /** Streams that run but are not in the file; left alone. */
  readonly notInFile: readonly string[];
  /** Task queues that no worker polls, asked for when a stream was started: it waits. Empty also where that is not known. */
  readonly unpolledQueues: readonly string[];
  /** Search attributes that the namespace lacks and this login may not register: no new stream can start. */
  readonly missingSearchAttributes: MissingAttributes | null;
}

export interface ApplyOptions {
  readonly io: Io;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  /** Ask whether a worker is there for what was started. Not asked by what starts a worker of its own. */
  readonly askForWorkers?: boolean;
  /** Rejects where a new stream must not start. Not asked by what runs beside the worker, which asks the same. */
  readonly refuse?: (spec: StreamSpec) => Promise<void>;
}

/** Makes what runs like the file. One stream's failure does not keep the others from being applied. */
export async function apply(temporal: Temporal, specs: readonly StreamSpec[], options: ApplyOptions): Promise<Applied> {
  const attributes = options.dryRun ? { missing: [], unknown: true } : await registerSearchAttributes(temporal);
  const listed = await listStreams(temporal);
  const inFile = new Set(specs.map(({ stream }) => stream.id));
  const streams = await Promise.all(specs.map((spec) => applyStream(temporal, spec, attributes, options)));
  const started = streams.some(({ action, outcome }) => action === 'start' && outcome === 'done');
  return {
    dryRun: options.dryRun,
    streams,
    notInFile: listed.map(({ stream }) => stream).filter((stream) => !inFile.has(stream)),
    missingSearchAttributes: missingOf(attributes, temporal.namespace),
    unpolledQueues: started && options.askForWorkers === true ? await unpolledQueues(temporal) : [],
  };
}

async function applyStream(
  temporal: Temporal,
  wanted: StreamSpec,
  attributes: Attributes,
  options: ApplyOptions,
): Promise<AppliedStream> {
  let planned: PlannedStream = { stream: wanted.stream.id, action: 'unchanged', changes: [], then: null };
  try {
    const current = await running(temporal, wanted.stream.id);
    planned = planStream(wanted, current?.spec ?? null, changesOf(current, wanted));
    if (planned.action === 'refused') return { ...planned, outcome: 'failed', error: refused(planned) };
    if (planned.action === 'start') await options.refuse?.(wanted);
    if (options.dryRun) return { ...planned, outcome: 'planned', error: null };
    if (planned.action === 'start') await start(temporal, wanted, attributes);
    if (planned.action === 'reconfigure' && current !== null)
      await reconfigure(temporal, wanted, planned, current, options);
    await applySchedule(temporal, wanted);
    return { ...planned, outcome: 'done', error: null };
  } catch (error) {
    const { message, remedy } = explain(error);
    return { ...planned, outcome: 'failed', error: { message, remedy } };
  }
}

const changesOf = (current: Running | null, wanted: StreamSpec) =>
  current === null || current.spec === 'unreadable' ? [] : diffSpec(current.spec, wanted);

/** Refused when another `apply` has changed the stream since it was compared. */
async function reconfigure(
  temporal: Temporal,
  wanted: StreamSpec,
  { then }: PlannedStream,
  { revision, firstRunId }: Running,
  { io, timeoutMs }: ApplyOptions,
): Promise<void> {
  const { id } = wanted.stream;
  const handle = temporal.client.workflow.getHandle(workflowId(id), undefined, { firstExecutionRunId: firstRunId });
  await patiently(temporal, { io, doing: `reconfiguring ${id}`, timeoutMs }, async () => {
    await handle.executeUpdate(reconfigureUpdate, { args: [wanted, { expectedRevision: revision }] });
    if (then === 'pause')
      await handle.executeUpdate<StreamView, [{ reason: string }]>(pauseUpdate.name, {
        args: [{ reason: 'enabled: false' }],
      });
    if (then === 'resume') await handle.executeUpdate(resumeUpdate);
  });
}

async function start(temporal: Temporal, spec: StreamSpec, attributes: Attributes): Promise<void> {
  refuseMissing(spec.stream.id, temporal.namespace, attributes);
  const options = startOptions(spec, temporal.taskQueue, temporal.namespace);
  try {
    await temporal.client.workflow.start(WORKFLOW_TYPE, { ...options, workflowIdConflictPolicy: 'FAIL' });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError))
      throw startRefused(temporal.namespace, attributes, error);
    const started = await running(temporal, spec.stream.id);
    // Workers that start together apply the same file.
    if (started?.spec !== 'unreadable' && started !== null && changesOf(started, spec).length === 0) return;
    throw new CliError(
      `another apply has started stream ${spec.stream.id} meanwhile, with other settings`,
      'compare again with `tributary apply --dry-run`, then apply again',
    );
  }
}

function refused({ stream, changes }: PlannedStream): { message: string; remedy: string } {
  const paths = changes.filter(({ effect }) => effect === 'needs_restart').map(({ path }) => path);
  return {
    message: `${paths.join(', ')} of stream ${stream} cannot change while it runs: what it has copied would no longer fit`,
    remedy: `stop it (tributary streams stop ${stream}), apply again, then copy anew: tributary streams restart ${stream} --from snapshot`,
  };
}
