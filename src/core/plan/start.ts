import type { Ledger } from '../ports/destination';
import { ReplicationError } from '../model/errors';
import type { Position } from '../model/position';
import type { Source } from '../ports/source';

/** A transactional ledger alone decides where a leg starts; a ledger behind the workflow is damage. */
export function startOf(
  { lowWater }: Pick<Ledger, 'lowWater'>,
  position: Position | null,
  source: Pick<Source, 'order' | 'describe'>,
): Position {
  if (!lowWater) throw ledgerMissing();
  if (position && source.order(position, lowWater) === 'after')
    throw destinationBehind(source.describe(lowWater), source.describe(position));
  return lowWater;
}

export const ledgerMissing = (): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'ledger_missing',
    message: 'the destination has no resume position for this stream',
    remedy: 'If the destination was emptied on purpose, run `tributary streams restart ID --from snapshot`.',
  });

/** Both are positions for people. */
export const destinationBehind = (lowWater: string, recorded: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'destination_behind',
    message: `the destination's ledger stands at ${lowWater}, before ${recorded} that this stream has already recorded there: the destination was restored from an older state`,
    remedy: 'Run `tributary streams restart ID --from snapshot` to copy again and repair.',
  });
