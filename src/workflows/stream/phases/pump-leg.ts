import { patched } from '@temporalio/workflow';
import type { PumpResult } from '../../../protocol/stream-activities';
import type { NamespaceStatus } from '../../../protocol/stream-state';
import type { Namespace } from '../../../core/model/namespace';
import type { Position } from '../../../core/model/position';
import type { Totals } from '../../../core/pump/progress';
import { boundedNamespaces } from '../../shared/bounded';
import { dataCalls, durationMs, LONGEST_MS } from '../../shared/calls';
import { leg, succeeded, type Adopt } from './leg';
import { takeParked } from './parked';
import { seen, type Run } from '../run';
import { doubled, jittered, PROBE_SLICE_MS, PUMP_SLICE_MS } from './slice';

export const add = (a: Totals, b: Totals): Totals => ({
  read: a.read + b.read,
  applied: a.applied + b.applied,
  skipped: a.skipped + b.skipped,
  bytes: a.bytes + b.bytes,
  schemaChanges: a.schemaChanges + b.schemaChanges,
  refused: (a.refused ?? 0) + (b.refused ?? 0),
});

const adoptFailed: Adopt = (run, progress) => {
  if (progress === null || !('totals' in progress)) return false;
  const { state } = run;
  const moved = progress.position !== null && JSON.stringify(progress.position) !== JSON.stringify(state.position);
  state.position = progress.position ?? state.position;
  state.at = progress.at;
  state.progress = progress;
  seen(run);
  state.totals = add(state.totals, progress.totals);
  // Lanes may write for a whole leg while the low water, which is the slowest of them, stays where it is.
  return moved || (progress.totals.applied > 0 && patched('applied-is-progress'));
};

function adopt(run: Run, result: PumpResult): void {
  const { state } = run;
  succeeded(run);
  seen(run);
  state.position = result.position;
  state.at = result.progress.at;
  state.progress = result.progress;
  state.totals = add(state.totals, result.totals);
  const copying = new Set(result.copying);
  const streaming = Object.keys(state.namespaces).filter((name) => state.namespaces[name] === 'copying');
  state.namespaces = boundedNamespaces({
    ...state.namespaces,
    ...statuses(streaming, 'streaming'),
    ...statuses([...copying], 'copying'),
  });
  takeParked(run, result.parked);
}

const statuses = (names: readonly Namespace[], status: NamespaceStatus): Record<Namespace, NamespaceStatus> =>
  Object.fromEntries(names.map((name) => [name, status]));

/** One leg of the pump, taken in; null when it failed. */
export async function pumpLeg(run: Run, until: Position | null): Promise<PumpResult | null> {
  const { state } = run;
  const { position, inStepAfter, unpark } = state;
  const longestMs = durationMs(run.spec.stream.advanced.slice);
  // After a lost worker there is a backlog to be gone through, and nothing to be found out.
  const probing = state.failures > 0 && state.failure?.code !== 'worker_lost';
  const nextMs = state.sliceMs ?? (probing ? PROBE_SLICE_MS : PUMP_SLICE_MS);
  const sliceMs = jittered(Math.min(longestMs, nextMs), Math.random());
  state.legs += 1;
  const result = await leg(
    run,
    (base) =>
      dataCalls(run, LONGEST_MS, `leg ${state.legs}`).pump({
        ...base,
        position,
        inStepAfter,
        resume: unpark,
        sliceMs,
        until,
        // A destination that was slow a moment ago is not asked for large steps anew.
        ...(state.progress?.stepChanges != null && { stepChanges: state.progress.stepChanges }),
      }),
    adoptFailed,
  );
  if (result === null) return null;
  state.unpark = state.unpark.filter((name) => !result.resumed.includes(name));
  adopt(run, result);
  if (result.reason === 'slice') state.sliceMs = doubled(nextMs, longestMs);
  return result;
}
