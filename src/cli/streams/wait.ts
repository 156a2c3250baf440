import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { workflowId } from '../../protocol/names';
import { catchUpUpdate, type CaughtUp } from '../../protocol/stream-messages';
import type { StreamView } from '../../protocol/stream-view';
import { CliError } from '../failure';
import { Outage } from '../outage';
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
const HEAR_MS = 5_000;

export interface WaitOptions {
  readonly stream: string;
  readonly until: Until;
  readonly timeoutMs: number;
  /** Told: that Temporal is away, and that it is back. */
  readonly say: (line: string) => void;
}

export async function waitUntil(temporal: Temporal, options: WaitOptions, signal: AbortSignal): Promise<Waited> {
  const { stream, until } = options;
  const started = Date.now();
  const waiting = until === 'caught-up' ? caughtUp(temporal, options, signal) : poll(temporal, until, options, signal);
  const target = await waiting.catch((cause: unknown) => {
    if (!signal.aborted) throw cause;
    throw new CliError(`stopped waiting for ${stream}`, '', { cause });
  });
  return { stream, until, waitedMs: Date.now() - started, target };
}

/** The stream gives up first, and says where it stands; this side waits a little longer to hear it. */
async function caughtUp(
  temporal: Temporal,
  { stream, timeoutMs, say }: WaitOptions,
  signal: AbortSignal,
): Promise<string> {
  const outage = new Outage(temporal, { say, patienceMs: timeoutMs, withinMs: timeoutMs });
  // The same one, should Temporal be away for a while: the stream goes on with what it was asked first.
  const updateId = randomUUID();
  const ask = ({ client }: Temporal) =>
    client.workflow
      .getHandle(workflowId(stream))
      .executeUpdate<CaughtUp, [{ timeoutMs: number }]>(catchUpUpdate.name, { args: [{ timeoutMs }], updateId });
  return (await outage.answer(ask, signal, timeoutMs + HEAR_MS)).target;
}

async function poll(
  temporal: Temporal,
  until: Exclude<Until, 'caught-up'>,
  { stream, timeoutMs, say }: WaitOptions,
  signal: AbortSignal,
): Promise<null> {
  const outage = new Outage(temporal, { say, patienceMs: timeoutMs, withinMs: timeoutMs });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const report = await outage.answer((at) => observe(at, stream), signal);
    if (report.view !== null && REACHED[until](report.view)) return null;
    refuseHopeless(report, until);
    if (Date.now() >= deadline) throw late(report, until);
    await delay(POLL_MS, undefined, { signal });
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
