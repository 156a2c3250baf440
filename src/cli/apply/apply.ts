import { WorkflowNotFoundError } from '@temporalio/common';
import { diffSpec } from '../../config/diff';
import { ConfigError } from '../../config/problem';
import type { StreamSpec } from '../../config/schema';
import { parseSpec } from '../../config/spec';
import { pauseUpdate, reconfigureUpdate, resumeUpdate, specQuery, type StreamView } from '../../workflows/messages';
import { WORKFLOW_TYPE, workflowId } from '../../workflows/names';
import { explain } from '../explain';
import { CliError } from '../failure';
import type { Io } from '../io';
import { patiently } from '../streams/control';
import { listStreams } from '../streams/observe';
import type { Temporal } from '../temporal';
import { registerSearchAttributes } from './attributes';
import { type Current, type PlannedStream, planStream } from './plan';
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
}

export interface ApplyOptions {
  readonly io: Io;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
}

const SPEC_TIMEOUT_MS = 10_000;

/** Makes what runs like the file. One stream's failure does not keep the others from being applied. */
export async function apply(temporal: Temporal, specs: readonly StreamSpec[], options: ApplyOptions): Promise<Applied> {
  if (!options.dryRun) await registerSearchAttributes(temporal);
  const running = await listStreams(temporal);
  const inFile = new Set(specs.map(({ stream }) => stream.id));
  const streams = await Promise.all(specs.map((spec) => applyStream(temporal, spec, options)));
  return {
    dryRun: options.dryRun,
    streams,
    notInFile: running.map(({ stream }) => stream).filter((stream) => !inFile.has(stream)),
  };
}

async function applyStream(temporal: Temporal, wanted: StreamSpec, options: ApplyOptions): Promise<AppliedStream> {
  let planned: PlannedStream = { stream: wanted.stream.id, action: 'unchanged', changes: [], then: null };
  try {
    const current = await currentSpec(temporal, wanted.stream.id);
    planned = planStream(wanted, current, changesOf(current, wanted));
    if (planned.action === 'refused') return { ...planned, outcome: 'failed', error: refused(planned) };
    if (options.dryRun) return { ...planned, outcome: 'planned', error: null };
    await carryOut(temporal, wanted, planned, options);
    await applySchedule(temporal, wanted);
    return { ...planned, outcome: 'done', error: null };
  } catch (error) {
    const { message, remedy } = explain(error);
    return { ...planned, outcome: 'failed', error: { message, remedy } };
  }
}

const changesOf = (current: Current, wanted: StreamSpec) =>
  current === null || current === 'unreadable' ? [] : diffSpec(current, wanted);

/** Input that a person gave by hand has neither defaults nor, where it is wrong, a meaning. */
function readable(spec: unknown): Current {
  try {
    return parseSpec(spec);
  } catch (error) {
    if (error instanceof ConfigError) return 'unreadable';
    throw error;
  }
}

async function currentSpec({ client, taskQueue }: Temporal, stream: string): Promise<Current> {
  const handle = client.workflow.getHandle(workflowId(stream));
  try {
    const { status } = await handle.describe();
    if (status.name !== 'RUNNING' && status.name !== 'CONTINUED_AS_NEW') return null;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
  const spec = await client
    .withDeadline(Date.now() + SPEC_TIMEOUT_MS, () => handle.query(specQuery))
    .catch((cause: unknown) => {
      throw new CliError(
        `stream ${stream} runs, but no worker answers on task queue ${JSON.stringify(taskQueue)}: it cannot be compared with the file`,
        'start a worker with `tributary worker`',
        { cause },
      );
    });
  return readable(spec);
}

async function carryOut(
  temporal: Temporal,
  wanted: StreamSpec,
  { action, then }: PlannedStream,
  { io, timeoutMs }: ApplyOptions,
): Promise<void> {
  if (action === 'start') return start(temporal, wanted);
  if (action !== 'reconfigure') return;
  const { id } = wanted.stream;
  const handle = temporal.client.workflow.getHandle(workflowId(id));
  await patiently(temporal, { io, doing: `reconfiguring ${id}`, timeoutMs }, async () => {
    await handle.executeUpdate(reconfigureUpdate, { args: [wanted] });
    if (then === 'pause')
      await handle.executeUpdate<StreamView, [{ reason: string }]>(pauseUpdate.name, {
        args: [{ reason: 'enabled: false' }],
      });
    if (then === 'resume') await handle.executeUpdate(resumeUpdate);
  });
}

async function start({ client, taskQueue }: Temporal, spec: StreamSpec): Promise<void> {
  await client.workflow.start(WORKFLOW_TYPE, startOptions(spec, taskQueue));
}

function refused({ stream, changes }: PlannedStream): { message: string; remedy: string } {
  const paths = changes.filter(({ effect }) => effect === 'needs_restart').map(({ path }) => path);
  return {
    message: `${paths.join(', ')} of stream ${stream} cannot change while it runs: what it has copied would no longer fit`,
    remedy: `stop it (tributary streams stop ${stream}), apply again, then copy anew: tributary streams restart ${stream} --from snapshot`,
  };
}
