import type { Change, EncodedRow } from '../../../src/core/model/change';
import { deltaMissed, ReplicationError } from '../../../src/core/model/errors';
import type { Namespace } from '../../../src/core/model/namespace';
import { applyDelta, BAD, decodeRow, UNIQUE } from '../rows';
import type { Target } from './records';

/** What changes make of rows: by namespace and key, null where a row goes. Nothing is written yet. */
export type Finals = Map<Namespace, Map<string, EncodedRow | null>>;

export interface FinalsOptions {
  readonly target: (namespace: Namespace) => Target;
  /** `each`: no two rows share a value at any time; `last`: not at the end. */
  readonly unique: 'each' | 'last' | 'none';
}

/** Throws what the destination refuses; then none of these is written. */
export function finalsOf(changes: readonly Change[], { target, unique }: FinalsOptions): Finals {
  const finals: Finals = new Map();
  const of = (namespace: Namespace): Map<string, EncodedRow | null> => {
    const known = finals.get(namespace) ?? new Map<string, EncodedRow | null>();
    finals.set(namespace, known);
    return known;
  };
  for (const change of changes) {
    const { namespace, key } = change;
    const rows = of(namespace);
    const before = rows.has(key.id) ? rows.get(key.id) : target(namespace).rows.get(key.id);
    const after = next(change, before ?? null);
    if (after !== null && decodeRow(after).fields[BAD] !== undefined) throw refused('row_refused', change);
    rows.set(key.id, after);
    if (unique === 'each' && isShared(target(namespace), rows, key.id)) throw refused('duplicate_key', change);
  }
  if (unique === 'last')
    for (const change of changes)
      if (isShared(target(change.namespace), of(change.namespace), change.key.id))
        throw refused('duplicate_key', change);
  return finals;
}

function next(change: Change, before: EncodedRow | null): EncodedRow | null {
  switch (change.op) {
    case 'delete':
      return null;
    case 'insert':
    case 'replace':
      return change.row;
    case 'update':
      if (before === null) throw deltaMissed(change.namespace);
      return applyDelta(before, change.delta);
  }
}

/** Whether another row has the value of this one. */
function isShared({ rows: there }: Target, changed: ReadonlyMap<string, EncodedRow | null>, key: string): boolean {
  const row = changed.get(key);
  const value = row ? decodeRow(row).fields[UNIQUE] : undefined;
  if (value === undefined) return false;
  const shares = (id: string, other: EncodedRow | null): boolean =>
    id !== key && other !== null && decodeRow(other).fields[UNIQUE] === value;
  for (const [id, other] of changed) if (shares(id, other)) return true;
  for (const [id, other] of there) if (!changed.has(id) && shares(id, other)) return true;
  return false;
}

function refused(code: string, { namespace, key }: Pick<Change, 'namespace' | 'key'>): ReplicationError {
  const message = `the destination refuses a row of ${namespace}`;
  return new ReplicationError('poison', { code, message, namespace, keyHash: key.hash });
}
