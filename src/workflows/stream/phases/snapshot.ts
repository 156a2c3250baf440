import type { CopyResult } from '../../../protocol/stream-activities';
import type { Phase } from '../../../protocol/stream-state';
import type { CopyProgress } from '../../../core/pump/progress';
import { afterCopy } from './after-copy';
import { boundedFindings } from '../../shared/bounded';
import { LONGEST_MS, dataCalls } from '../../shared/calls';
import { leg, succeeded, type Adopt } from './leg';
import { record } from '../record';
import { seen, type Run } from '../run';
import { COPY_SLICE_MAX_MS, COPY_SLICE_MS, doubled, PROBE_SLICE_MS } from './slice';

const adoptFailed: Adopt = (run, progress) => {
  if (progress === null || !('rangesDone' in progress)) return false;
  const before: CopyProgress | null = run.state.copyProgress;
  run.state.copyProgress = progress;
  seen(run);
  return before === null || progress.rows > before.rows || progress.rangesDone > before.rangesDone;
};

function done(run: Run, result: CopyResult): Phase {
  const { state } = run;
  state.inStepAfter = result.inStepAfter;
  if (state.finalizing) {
    // What was just read is of one moment only from here on.
    state.until = result.inStepAfter;
    state.caughtUp = false;
  }
  for (const name of Object.keys(state.namespaces)) {
    if (state.namespaces[name] === 'copying') state.namespaces[name] = 'streaming';
  }
  state.sliceMs = null;
  record(run, 'stream.copied', { rows: result.progress.rows, bytes: result.progress.bytes });
  return afterCopy(run);
}

/** Copies what the ledger has planned, one slice at a time. */
export async function snapshot(run: Run): Promise<Phase> {
  const { state } = run;
  const sliceMs = state.sliceMs ?? (state.failures > 0 ? PROBE_SLICE_MS : COPY_SLICE_MS);
  const stepRows = state.copyProgress?.stepRows;
  const result = await leg(
    run,
    (base) => dataCalls(run, LONGEST_MS, 'copy').copy({ ...base, sliceMs, ...(stepRows != null && { stepRows }) }),
    adoptFailed,
  );
  if (result === null) return 'snapshot';
  succeeded(run);
  seen(run);
  state.copyProgress = result.progress;
  if (result.findings.length > 0) state.findings = boundedFindings([...state.findings, ...result.findings]);
  if (result.reason === 'slice') state.sliceMs = doubled(sliceMs, COPY_SLICE_MAX_MS);
  return result.reason === 'done' ? done(run, result) : 'snapshot';
}
