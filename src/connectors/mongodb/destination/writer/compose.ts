import type { Change, RowChange } from '../../../../core/model/change';
import type { Namespace } from '../../../../core/model/namespace';
import { deltaUpdates } from './delta';
import { emptyTimestamps } from './empty-timestamps';
import { deleteStatement, idFilter, updateStatement, upsertStatement } from './statements';
import { deltaMissed, ReplicationError } from '../../../../core/model/errors';

export type Verb = 'insert' | 'update' | 'delete';

/** One command: statements of one kind on one namespace, and for each the change that it stands for. */
export interface Statements {
  readonly verb: Verb;
  readonly namespace: Namespace;
  readonly documents: Buffer[];
  readonly owners: Change[];
}

/**
 * `optimistic`: inserts are expected to be new. `upsert`: they may be there already.
 * `exact`: a full state deletes and inserts its row, in the order of the source. It costs twice as much, and is right
 * where a replacement is refused or would keep the old `_id` (numbers of another type, collations), or where a value
 * moves from one row to another under a unique index.
 */
export type Mode = 'optimistic' | 'upsert' | 'exact';

const ORDER: Readonly<Record<Mode, readonly Verb[]>> = {
  optimistic: ['insert', 'update', 'delete'],
  upsert: ['insert', 'update', 'delete'],
  exact: ['delete', 'insert', 'update'],
};

/** What surely fits into one statement; servers allow a little more. */
const MOST_BYTES = 16 * 1024 * 1024 - 16 * 1024;

/** A replacement that does not fit into one statement beside its filter, which holds the key once more. */
const isLarge = ({ key, row }: RowChange): boolean => row.length + key.bytes.length > MOST_BYTES;

/** Statements of one namespace that run verb by verb without changing what any key ends as. */
class Group {
  readonly #byVerb = new Map<Verb, Statements>();
  /** The last verb, by its rank, that each key has got. */
  readonly #ranks = new Map<string, number>();
  #highest = -1;

  constructor(
    readonly namespace: Namespace,
    readonly mode: Mode,
    readonly wholeOrder: boolean,
  ) {}

  fits(change: Change, verbs: readonly Verb[]): boolean {
    if (this.#highest < 0) return true;
    const order = ORDER[this.mode];
    const first = order.indexOf(verbs[0] ?? 'update');
    const before = this.#ranks.get(change.key.id);
    if (before !== undefined && (first < before || verbs.length > 1)) return false;
    if (this.mode === 'exact') return first === 2 || this.#highest < 2;
    return !this.wholeOrder || first === this.#highest;
  }

  add(change: Change, verb: Verb, document: Buffer): void {
    let statements = this.#byVerb.get(verb);
    if (statements === undefined) {
      statements = { verb, namespace: this.namespace, documents: [], owners: [] };
      this.#byVerb.set(verb, statements);
    }
    statements.documents.push(document);
    statements.owners.push(change);
    const rank = ORDER[this.mode].indexOf(verb);
    this.#ranks.set(change.key.id, rank);
    this.#highest = Math.max(this.#highest, rank);
  }

  flush(into: Statements[]): void {
    for (const verb of ORDER[this.mode]) {
      const statements = this.#byVerb.get(verb);
      if (statements) into.push(statements);
    }
  }
}

const INSERT: readonly Verb[] = ['insert'];
const UPDATE: readonly Verb[] = ['update'];
const DELETE: readonly Verb[] = ['delete'];
const DELETE_AND_INSERT: readonly Verb[] = ['delete', 'insert'];

/** What a change becomes, apart from putting empty timestamps back. */
function verbsOf(change: Change, mode: Mode): readonly Verb[] {
  switch (change.op) {
    case 'delete':
      return DELETE;
    case 'update':
      return UPDATE;
    case 'insert':
      if (mode === 'optimistic') return INSERT;
      break;
    case 'replace':
      break;
  }
  return mode === 'exact' || isLarge(change) ? DELETE_AND_INSERT : UPDATE;
}

/** The commands that apply changes in order per key, as few as possible. */
export function compose(
  changes: readonly Change[],
  wanted: Mode,
  wholeOrder: (namespace: Namespace) => boolean,
): Statements[] {
  // A row too large for a replacement is deleted and inserted, which only this order allows.
  const mode = changes.some((change) => 'row' in change && isLarge(change)) ? 'exact' : wanted;
  const commands: Statements[] = [];
  const open = new Map<Namespace, Group>();
  for (const change of changes) {
    const verbs = verbsOf(change, mode);
    let group = open.get(change.namespace);
    if (group?.fits(change, verbs) !== true) {
      group?.flush(commands);
      group = new Group(change.namespace, mode, wholeOrder(change.namespace));
      open.set(change.namespace, group);
    }
    addTo(group, change, verbs);
  }
  for (const group of open.values()) group.flush(commands);
  return commands;
}

function addTo(group: Group, change: Change, verbs: readonly Verb[]): void {
  switch (change.op) {
    case 'delete':
      group.add(change, 'delete', deleteStatement(idFilter(change.key)));
      return;
    case 'update': {
      const updates = deltaUpdates(change.delta);
      if (updates === null) throw deltaMissed(change.namespace);
      const filter = idFilter(change.key);
      const statements = updates.map((update) => updateStatement(filter, update));
      // The row itself is read and written whole: it fits where a delta does not beside a long key.
      if (statements.some(({ length }) => length > MOST_BYTES)) throw deltaMissed(change.namespace);
      for (const statement of statements) group.add(change, 'update', statement);
      return;
    }
    case 'insert':
    case 'replace': {
      for (const verb of verbs) {
        const document =
          verb === 'insert'
            ? change.row
            : verb === 'delete'
              ? deleteStatement(idFilter(change.key))
              : upsertStatement(idFilter(change.key), change.row);
        group.add(change, verb, document);
      }
      const putBack = emptyTimestamps(change.row);
      if (putBack === 'impossible') throw unnameable(change.namespace, change.key.hash);
      if (putBack !== null) group.add(change, 'update', updateStatement(idFilter(change.key), putBack));
    }
  }
}

export const unnameable = (namespace: Namespace, keyHash?: number): ReplicationError =>
  new ReplicationError('poison', {
    code: 'empty_timestamp',
    message: `a row in ${namespace} has an empty timestamp in a field that no update can name; the server would fill it in`,
    remedy: 'Rename the field at the source, or give it a value.',
    namespace,
    ...(keyHash !== undefined && { keyHash }),
  });
