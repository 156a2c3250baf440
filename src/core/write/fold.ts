import { Replacement, type Change } from '../model/change';
import type { Namespace } from '../model/namespace';

/** How `rowId` begins for all rows of a namespace. */
export const rowsOf = (namespace: Namespace): string => `${namespace}\0`;

/** Identity of a change's row inside a part that may span namespaces. */
export const rowId = ({ namespace, key }: Pick<Change, 'namespace' | 'key'>): string => rowsOf(namespace) + key.id;

/**
 * Drops what a later full state or delete of the same row supersedes. A delta never stands for its predecessors: every
 * row is left with at most one full state or delete, followed by the deltas that came after it, in order. An insert that
 * supersedes something becomes a replacement: the delete that made room for it is gone. A delete stays before a full state
 * whose key is equal and written otherwise (1 and 1.0): some destinations keep the key that they have.
 */
export function fold(changes: readonly Change[]): readonly Change[] {
  const kept: Change[] = [];
  /** Where the full state or delete of each row is kept. */
  const byNamespace = new Map<Namespace, Map<string, number>>();
  let rows = new Map<string, number>();
  let namespace: Namespace | null = null;
  for (let i = changes.length - 1; i >= 0; i -= 1) {
    const change = changes[i] as Change;
    if (change.namespace !== namespace) {
      namespace = change.namespace;
      rows = byNamespace.get(namespace) ?? new Map<string, number>();
      byNamespace.set(namespace, rows);
    }
    const at = rows.get(change.key.id);
    const newer = at === undefined ? undefined : (kept[at] as Change);
    if (at !== undefined && newer !== undefined && supersedes(newer, change)) {
      if (newer.op === 'insert') kept[at] = new Replacement(newer, newer.row);
      continue;
    }
    if (change.op !== 'update') rows.set(change.key.id, kept.length);
    kept.push(change);
  }
  return kept.length === changes.length ? changes : kept.reverse();
}

const supersedes = (newer: Change, older: Change): boolean =>
  older.op !== 'delete' || newer.op === 'delete' || newer.key.bytes.equals(older.key.bytes);

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
