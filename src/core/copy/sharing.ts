import type { Change } from '../model/change';
import type { Namespace } from '../model/namespace';
import type { Namespaces } from '../schema/namespaces';
import type { Overlap } from '../refresh/overlap';
import type { Meter } from '../pump/progress';

export interface SharingContext {
  readonly namespaces: Namespaces;
  readonly isParked: (namespace: Namespace) => boolean;
  /** The overlap of the backfill that a namespace is in. */
  readonly overlapOf: (namespace: Namespace) => Overlap | undefined;
  readonly meter: Pick<Meter, 'leftOut'>;
}

/** Each change to the lane of its key; to the lane of its namespace where the order of the whole namespace counts. */
export async function shareOut(
  changes: readonly Change[],
  lanes: number,
  { namespaces, isParked, overlapOf, meter }: SharingContext,
  signal: AbortSignal,
): Promise<Change[][]> {
  const shares: Change[][] = Array.from({ length: lanes }, () => []);
  let known: Namespace | null = null;
  let wholeOrder: number | null = null;
  let overlap: Overlap | undefined;
  let parked = false;
  let unfollowed = false;
  let leftOut = 0;
  for (const change of changes) {
    if (change.namespace !== known) {
      known = change.namespace;
      parked = isParked(known);
      if (!parked && !namespaces.has(known)) await namespaces.add(known, signal);
      unfollowed = !namespaces.follows(known);
      wholeOrder = namespaces.wholeOrder(known);
      overlap = overlapOf(known);
    }
    if (parked) {
      leftOut += 1;
      continue;
    }
    if (unfollowed) continue;
    overlap?.notes?.add(change.key.id);
    shares[(wholeOrder ?? change.key.hash) % lanes]?.push(change);
  }
  if (leftOut > 0) meter.leftOut(leftOut);
  return shares;
}
