import { workflowInfo } from '@temporalio/workflow';
import { workflowId } from '../../protocol/names';
import type { StreamStatus } from '../../protocol/stream-state';
import { shown, withLive, type StreamView } from '../../protocol/stream-view';
import { durationMs } from '../shared/calls';
import type { Run } from './run';

const PHASE_STATUS = {
  prepare: 'preparing',
  snapshot: 'copying',
  replicate: 'replicating',
  finalize: 'finalizing',
} as const;

export function statusOf(run: Run): StreamStatus {
  const { phase, outcome, desired, needsAttention, failures } = run.state;
  if (phase === 'ended') return outcome ?? 'stopped';
  if (desired === 'pause') return run.scope === null ? 'paused' : 'pausing';
  if (needsAttention) return 'needs_attention';
  return failures > 0 ? 'retrying' : PHASE_STATUS[phase];
}

/** The id in the spec; not checked yet when the stream was started by hand, without `apply`. */
export const streamId = (run: Run): string => {
  const given: unknown = (run.spec as Partial<typeof run.spec> | undefined)?.stream?.id;
  if (typeof given === 'string') return given;
  const id = workflowInfo().workflowId;
  return id.startsWith(workflowId('')) ? id.slice(workflowId('').length) : id;
};

/** One side of a stream as it is shown: without the connection string, which may name a private host. */
export function sideOf(run: Run, side: 'source' | 'destination'): string {
  if (!run.state.parsed) return '';
  const { type, database } = run.spec.stream[side];
  return database === undefined ? type : `${type} ${database}`;
}

function windowWarningOf({ spec, state }: Run): number | null {
  // A stream that was parsed before there was this setting does not have it.
  const warning: string | undefined = state.parsed ? spec.stream.advanced.window_warning : undefined;
  return warning === undefined ? null : durationMs(warning) / 1000;
}

export function viewOf(run: Run): StreamView {
  const view = settledView(run);
  return run.live === null ? view : withLive(view, run.live.progress, run.live.at);
}

/** What calls that have ended, and inspections since then, have told. */
function settledView(run: Run): StreamView {
  const { state } = run;
  const { inspected } = state;
  const last = inspected?.report ?? (state.phase === 'snapshot' ? state.copyProgress : state.progress);
  return {
    stream: streamId(run),
    name: (state.parsed ? run.spec.stream.name : undefined) ?? streamId(run),
    status: statusOf(run),
    phase: state.phase,
    source: sideOf(run, 'source'),
    destination: sideOf(run, 'destination'),
    at: state.at,
    lagMs: (inspected?.report ?? state.progress)?.lagMs ?? null,
    asOf: (inspected?.report ? inspected.at : state.seenAt) ?? null,
    live: false,
    changesPerSecond: run.resting ? 0 : (state.progress?.changesPerSecond ?? 0),
    windowSeconds: last?.windowSeconds ?? null,
    windowAtLeast: last?.windowAtLeast ?? false,
    windowWarningSeconds: windowWarningOf(run),
    epoch: state.epoch,
    revision: state.revision,
    legs: state.legs,
    totals: state.totals,
    progress: state.progress && shown(state.progress),
    copy: state.copyProgress,
    namespaceCount: state.namespaceCount,
    namespaces: state.namespaces,
    parkedCount: state.parkedCount + state.park.length,
    parked: [...state.parked, ...state.park],
    findings: state.findings,
    failure: state.failure,
    sourceProblem: inspected?.problem ?? inspected?.report?.lost ?? null,
    failures: state.failures,
    nextTryAt: run.nextTryAt,
    pauseReason: state.pauseReason,
    startedAt: state.startedAt,
  };
}
