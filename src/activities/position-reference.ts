import { ReplicationError } from '../core/model/errors';
import { POSITION_BYTES, type LedgerReference, type Position } from '../core/model/position';
import { destinationBehind, ledgerMissing } from '../core/plan/start';
import type { LedgerSummary } from '../core/ports/destination';
import type { Source } from '../core/ports/source';

type Describing = Pick<Source, 'describe'>;
type Recorded = Pick<LedgerSummary, 'lowWater' | 'sequence'>;

const bytesOf = (position: Position): number => Buffer.byteLength(JSON.stringify(position));

/** Whether the ledger holds the position in place of this. */
export const isReference = (position: Position): position is Position & { readonly token: LedgerReference } => {
  const { token } = position as { readonly token: Partial<LedgerReference> | null };
  return typeof token?.ledger?.sequence === 'number';
};

/**
 * The low water as it goes to Temporal: as it is, or by reference where it is too long. `ledger` has recorded it: a reference
 * to what is not durable there would resume from another place.
 */
export function ledgerPosition(
  position: Position,
  { sequence }: Pick<LedgerSummary, 'sequence'>,
  source: Describing,
): Position {
  if (bytesOf(position) <= POSITION_BYTES) return position;
  return { ...position, token: { ledger: { sequence, at: source.describe(position) } } };
}

/**
 * A position that no ledger holds as its low water, as it goes to Temporal: where the source is now (`until`, the end of an
 * overlap, a start position). Such a one names a time and no change, so that it holds no key: MongoDB's have some 200 bytes.
 */
export function sourcePosition(position: Position): Position {
  const bytes = bytesOf(position);
  if (bytes <= POSITION_BYTES) return position;
  throw new ReplicationError('bug', {
    code: 'position_too_large',
    message: `the source's current position has ${bytes} bytes, and Temporal is to carry ${POSITION_BYTES} at most`,
    remedy: 'Please report it, with the kind and the version of the source.',
  });
}

/** The low water as Temporal has it, for who needs the position itself. A ledger that has moved less often is damage. */
export function resolvePosition<P extends Position | null>(
  given: P,
  { lowWater, sequence }: Recorded,
  source: Describing,
): Position | P {
  if (given === null || !isReference(given)) return given;
  if (lowWater === null) throw ledgerMissing();
  const { ledger } = given.token;
  if (sequence < ledger.sequence) throw destinationBehind(source.describe(lowWater), ledger.at);
  return lowWater;
}
