import type { Phase } from '../../../protocol/stream-state';
import type { Run } from '../run';

/**
 * Where a stream goes when nothing is left to copy. With `snapshot.mode: only` it runs up to where the source was after
 * the last read, so that the copy is of one moment, and ends there.
 */
export function afterCopy(run: Run): Phase {
  const { state } = run;
  if (run.spec.stream.snapshot.mode === 'only' && !state.finalizing) {
    state.finalizing = true;
    state.until = state.inStepAfter;
  }
  return 'replicate';
}
