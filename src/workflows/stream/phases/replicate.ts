import type { Phase } from '../../../protocol/stream-state';
import { pumpLeg } from './pump-leg';
import type { Run } from '../run';

/** One leg of the pump; the loop calls again. */
export async function replicate(run: Run): Promise<Phase> {
  await pumpLeg(run, null);
  return 'replicate';
}
