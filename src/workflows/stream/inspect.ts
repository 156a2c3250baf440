import { isCancellation, patched, workflowInfo } from '@temporalio/workflow';
import type { PositionReport } from '../../protocol/stream-activities';
import type { Inspected } from '../../protocol/stream-state';
import type { LegProgress } from '../../core/pump/progress';
import { clipShort } from '../shared/bounded';
import { controlCalls, durationMs } from '../shared/calls';
import { readFailure } from '../shared/failure';
import { publish } from './publish';
import type { Run } from './run';
import { statusOf } from './view';

/** An inspection opens the source and asks it three short questions. */
const TIMEOUT_MS = 30_000;
const LONGEST = 10;
/** So many inspections fit into what is left of the history window. */
const PER_WINDOW = 4;

/**
 * How long after an inspection the next one is due: twice as long each time, up to ten intervals, and sooner where the
 * source is about to forget.
 */
export function untilNextMs(intervalMs: number, inspections: number, windowSeconds: number | null): number {
  const grown = intervalMs * Math.min(LONGEST, 2 ** Math.min(inspections, 10));
  const urgent = windowSeconds === null ? Infinity : (windowSeconds * 1000) / PER_WINDOW;
  return Math.max(intervalMs, Math.min(grown, urgent));
}

/**
 * Seconds that are left of the history window, as last told. Null where there is no hurry: it is not known, the log has dropped
 * nothing so far (it reaches back to its first minute, however long it keeps that), or the history is lost already.
 */
export function urgentSeconds({ inspected, progress }: Told): number | null {
  const last = inspected ?? progress;
  const isKnown = last != null && last.windowAtLeast !== true && inspected?.lost == null;
  return isKnown ? last.windowSeconds : null;
}

interface Told {
  readonly inspected?: PositionReport | null | undefined;
  readonly progress?: Pick<LegProgress, 'windowSeconds' | 'windowAtLeast'> | null;
}

/** A stream that was parsed before there was this setting does not have it. */
const intervalMs = ({ spec }: Run): number =>
  durationMs((spec.stream.advanced as { readonly status_interval?: string }).status_interval ?? '1m');

/** Time until the position has to be inspected, while no leg reports it; Infinity where nothing can be. */
export function untilInspectionMs(run: Run): number {
  const { state } = run;
  // Once for each run: one that rested before there were inspections has none in its history.
  run.inspects ??= patched('inspect-position');
  if (!run.inspects || !state.parsed || run.inspecting) return Infinity;
  const { inspected } = state;
  const last = Math.max(Date.parse(inspected?.triedAt ?? '') || 0, Date.parse(state.seenAt ?? '') || 0);
  const seconds = urgentSeconds({ inspected: inspected?.report, progress: state.progress });
  return Math.max(0, last + untilNextMs(intervalMs(run), inspected?.inspections ?? 0, seconds) - Date.now());
}

/** Beside whatever the workflow waits for: what it finds is of use as long as no leg has told more. */
export function inspectWhenDue(run: Run): void {
  if (untilInspectionMs(run) > 0) return;
  run.inspecting = true;
  void inspect(run).finally(() => {
    run.inspecting = false;
    publish(run);
  });
}

async function inspect(run: Run): Promise<void> {
  const { state } = run;
  const { seenAt, inspected } = state;
  const inspections = (inspected?.inspections ?? 0) + 1;
  const input = {
    spec: run.spec,
    position: state.position,
    status: statusOf(run),
    nextMs: untilNextMs(intervalMs(run), inspections, null),
  };
  const found = await controlCalls('inspect the position', TIMEOUT_MS)
    .inspectPosition(input)
    .then(
      ({ lost, ...report }): Outcome => ({ report: { ...report, lost: lost && clipped(lost) }, problem: null }),
      failed,
    );
  // A leg has told more meanwhile.
  if (state.seenAt !== seenAt) return;
  const triedAt = new Date().toISOString();
  const report = found.report ?? inspected?.report ?? null;
  const at = found.report === null ? (inspected?.at ?? null) : triedAt;
  state.inspected = { inspections, triedAt, at, report, problem: found.problem };
}

interface Outcome {
  readonly report: PositionReport | null;
  readonly problem: Inspected['problem'];
}

function failed(error: unknown): Outcome {
  if (isCancellation(error)) return { report: null, problem: null };
  const { info } = readFailure(error, workflowInfo().taskQueue);
  return { report: null, problem: clipped(info) };
}

const clipped = ({ code, message, remedy }: NonNullable<Inspected['problem']>): Inspected['problem'] => ({
  code,
  message: clipShort(message),
  remedy: clipShort(remedy),
});
