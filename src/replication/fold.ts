import type { Change } from './change';
import type { Namespace } from './namespace';

/** By key: that of the full state that is kept; null once a delete is. */
type Superseded = Map<string, Buffer | null>;

const isFullState = (change: Change): boolean => change.op !== 'update';

/** How `rowId` begins for all rows of a namespace. */
export const rowsOf = (namespace: Namespace): string => `${namespace}\0`;

/** Identity of a change's row inside a part that may span namespaces. */
export const rowId = ({ namespace, key }: Pick<Change, 'namespace' | 'key'>): string => rowsOf(namespace) + key.id;

/**
 * Drops what a later full state or delete of the same row supersedes. A delta never stands for its predecessors: every
 * row is left with at most one full state or delete, followed by the deltas that came after it, in order. A delete stays
 * before a full state whose key is equal and written otherwise (1 and 1.0): some destinations keep the key that they have.
 */
export function fold(changes: readonly Change[]): readonly Change[] {
  const kept: Change[] = [];
  const byNamespace = new Map<Namespace, Superseded>();
  let superseded: Superseded = new Map();
  let namespace: Namespace | null = null;
  for (let i = changes.length - 1; i >= 0; i -= 1) {
    const change = changes[i] as Change;
    if (change.namespace !== namespace) {
      namespace = change.namespace;
      superseded = byNamespace.get(namespace) ?? new Map<string, Buffer | null>();
      byNamespace.set(namespace, superseded);
    }
    const { id } = change.key;
    const key = superseded.get(id);
    if (key !== undefined && (change.op !== 'delete' || key === null || key.equals(change.key.bytes))) continue;
    kept.push(change);
    if (isFullState(change)) superseded.set(id, change.op === 'delete' ? null : change.key.bytes);
  }
  return kept.length === changes.length ? changes : kept.reverse();
}

export interface Resolved {
  readonly changes: readonly Change[];
  /** Rows that were read. */
  readonly read: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Replaces all changes of each row of which one is `needed` as it is now by one fresh read, where the first of them stood:
 * the order of rows counts in some namespaces.
 */
export async function readAfresh(
  changes: readonly Change[],
  needed: (change: Change) => boolean,
  lookup: (changes: readonly Change[]) => Promise<readonly Change[]>,
): Promise<Resolved> {
  const read = new Set<string>();
  for (const change of changes) if (needed(change)) read.add(rowId(change));
  if (read.size === 0) return { changes, read: NONE };
  // The last change of a row stands for the read: it is the newest place that the fresh state has to reach.
  const last = new Map<string, Change>();
  for (const change of changes) if (read.has(rowId(change))) last.set(rowId(change), change);
  const found = await lookup([...last.values()]);
  const fresh = new Map([...last.keys()].map((id, index) => [id, found[index] as Change]));
  const resolved: Change[] = [];
  for (const change of changes) {
    const id = rowId(change);
    const row = fresh.get(id);
    if (!read.has(id)) resolved.push(change);
    else if (row !== undefined) resolved.push(row);
    fresh.delete(id);
  }
  return { changes: resolved, read };
}
