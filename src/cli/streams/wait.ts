import { setTimeout as delay } from 'node:timers/promises';
import { catchUpUpdate, type CaughtUp, type StreamView } from '../../workflows/messages';
import { workflowId } from '../../workflows/names';
import { CliError } from '../failure';
import { span } from '../render/text';
import type { Temporal } from '../temporal';
import { observe } from './observe';
import type { StreamReport } from './report';

export type Until = 'caught-up' | 'snapshot-done' | 'paused';

/** The documented JSON of `streams wait`. */
export interface Waited {
  readonly stream: string;
  readonly until: Until;
  readonly waitedMs: number;
  /** The source's position as of the call, for people; only with `caught-up`. */
  readonly target: string | null;
}

const POLL_MS = 500;

export async function waitUntil(
  temporal: Temporal,
  stream: string,
  until: Until,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Waited> {
  const started = Date.now();
  const deadline = started + timeoutMs;
  const waited = (target: string | null): Waited => ({ stream, until, waitedMs: Date.now() - started, target });
  if (until !== 'caught-up') {
    await poll(temporal, stream, until, deadline, signal);
    return waited(null);
  }
  const { client } = temporal;
  const handle = client.workflow.getHandle(workflowId(stream));
  // The stream gives up first, and says where it stands; this side waits a little longer to hear it.
  const { target } = await client.withAbortSignal(signal, () =>
    client.withDeadline(deadline + 5_000, () =>
      handle.executeUpdate<CaughtUp, [{ timeoutMs: number }]>(catchUpUpdate.name, { args: [{ timeoutMs }] }),
    ),
  );
  return waited(target);
}

async function poll(
  temporal: Temporal,
  stream: string,
  until: Exclude<Until, 'caught-up'>,
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const report = await observe(temporal, stream);
    if (report.view !== null && REACHED[until](report.view)) return;
    refuseHopeless(report, until);
    if (Date.now() >= deadline) throw late(report, until);
    await delay(POLL_MS, undefined, { signal }).catch((cause: unknown) => {
      throw new CliError(`stopped waiting for ${stream}`, '', { cause });
    });
  }
}

const REACHED: Readonly<Record<Exclude<Until, 'caught-up'>, (view: StreamView) => boolean>> = {
  'snapshot-done': ({ phase }) => phase === 'replicate' || phase === 'finalize' || phase === 'ended',
  paused: ({ status }) => status === 'paused',
};

function refuseHopeless({ stream, status, workflow, view }: StreamReport, until: Until): void {
  if (workflow.execution !== 'running') {
    throw new CliError(`stream ${stream} has ended (${status}): it will not be ${until}`);
  }
  if (status === 'needs_attention') {
    const message = view?.failure?.message ?? `see \`tributary streams status ${stream}\``;
    throw new CliError(`stream ${stream} needs attention: ${message}`, view?.failure?.remedy ?? '');
  }
}

function late({ stream, status, worker, view }: StreamReport, until: Until): CliError {
  if (worker === 'silent') {
    return new CliError(`no worker answers for stream ${stream}`, 'start one with `tributary worker`');
  }
  const lag = view?.lagMs == null ? '' : `, ${span(view.lagMs)} behind`;
  return new CliError(`stream ${stream} is not ${until} in time: it is ${status}${lag}`, 'wait longer with --timeout');
}
