import type { Change, DeltaChange } from './change';

const isFullState = (change: Change): boolean => change.op !== 'update';

/** Identity of a change's row inside a part that may span namespaces. */
const rowId = (change: Change): string => `${change.namespace}\0${change.key.id}`;

/**
 * Drops what a later full state or delete of the same row supersedes. A delta never stands for its predecessors: every
 * row is left with at most one full state or delete, followed by the deltas that came after it, in order.
 */
export function fold(changes: readonly Change[]): readonly Change[] {
  const superseded = new Set<string>();
  const kept: Change[] = [];
  for (let i = changes.length - 1; i >= 0; i -= 1) {
    const change = changes[i] as Change;
    const id = rowId(change);
    if (superseded.has(id)) continue;
    kept.push(change);
    if (isFullState(change)) superseded.add(id);
  }
  return kept.length === changes.length ? changes : kept.reverse();
}

/**
 * Replaces each row whose deltas cannot be applied as they are by one fresh read of it. `every`: all deltas, because one
 * of them did not fit its row.
 */
export async function resolveDeltas(
  changes: readonly Change[],
  every: boolean,
  lookup: (deltas: readonly DeltaChange[]) => Promise<readonly Change[]>,
): Promise<readonly Change[]> {
  const wanted = new Map<string, DeltaChange>();
  for (const change of changes) {
    if (change.op !== 'update') continue;
    const id = rowId(change);
    // The last delta of a row stands for the read: it is the newest place that the fresh state has to reach.
    if (every || change.needsLookup || wanted.has(id)) wanted.set(id, change);
  }
  if (wanted.size === 0) return changes;
  const fresh = await lookup([...wanted.values()]);
  return [...changes.filter((change) => !wanted.has(rowId(change))), ...fresh];
}
