import type { Claim, BackfillMode, RangeRecord } from '../ports/destination';
import type { Namespace, SourceNamespace } from '../model/namespace';
import { copiedOnce, planBackfills } from './backfills';
import { sizesOf } from '../copy/sizes';
import type { Source } from '../ports/source';

export interface PlannedBackfillsContext {
  readonly source: Pick<Source, 'selects' | 'size'>;
  readonly claim: Pick<Claim, 'ledger' | 'unfollow' | 'planBackfill' | 'remove' | 'unpark'>;
  /** Parked namespaces that a person has resumed. */
  readonly resume: readonly Namespace[];
  readonly mode: BackfillMode;
  /** What becomes of the target of a namespace that was renamed out of the selection. */
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
}

/**
 * Plans the copies that a leg finds to be owed: of targets that are no longer the collections that they were, and of
 * namespaces that are resumed. Answers with the stream's ranges.
 */
export async function planMissingBackfills(
  { claim, mode, renameOut, resume, source }: PlannedBackfillsContext,
  listed: readonly SourceNamespace[],
  signal: AbortSignal,
): Promise<readonly RangeRecord[]> {
  const { replaced, parked, ranges } = claim.ledger;
  const resumed = parked.map(({ namespace }) => namespace).filter((name) => resume.includes(name));
  const followed = (name: Namespace): boolean => source.selects(name);
  const now = new Set(listed.map(({ name }) => name));
  const wanted = new Set([...resumed.filter((name) => now.has(name)), ...replaced].filter(followed));
  const sizes = await sizesOf(source, [...wanted], signal);
  const planned = (await planBackfills(claim, sizes, { mode, isOnce: copiedOnce(listed) }, signal)) ?? ranges;
  const gone = resumed.filter((name) => followed(name) && !now.has(name));
  // A copy in the mode `merge` leaves alone what the source does not have.
  if (mode === 'merge' || renameOut === 'keep') await claim.unfollow(gone, signal);
  else await claim.remove(gone, signal);
  if (resumed.length > 0) await claim.unpark(resumed, signal);
  return planned;
}
