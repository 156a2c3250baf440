import { copyAgain } from './copy-again';
import { pumpLeg } from './pump-leg';
import type { Run } from './run';
import type { Phase } from './state';

/** One leg of the pump; the loop calls again. */
export async function replicate(run: Run): Promise<Phase> {
  const before = JSON.stringify(run.state.position);
  const result = await pumpLeg(run, null);
  if (result?.reason === 'copy') return copyAgain(run, result, before !== JSON.stringify(result.position));
  return 'replicate';
}
