import type { MongoClient, ReadPreference, Timestamp } from 'mongodb';
import { allowance, fetchRows, type Allowance } from '../../driver/rows';
import type { Change, EncodedRow } from '../../../../core/model/change';
import { ReplicationError } from '../../../../core/model/errors';
import { namespace as joined, splitNamespace, type Namespace } from '../../../../core/model/namespace';
import { Deleted, FullRow, Place, Row } from '../stream/change';
import { ask } from '../deployment';
import { parseTime, tokenOf } from '../position';

type Rows = ReadonlyMap<string, EncodedRow>;

export interface LookupOptions {
  readonly client: MongoClient;
  readonly readPreference: ReadPreference;
}

/** Changes of one collection, whatever it is called by now. */
interface Group {
  readonly namespace: Namespace;
  readonly identity: string;
  readonly keys: Map<string, Buffer>;
}

/** How often a collection that is renamed while it is read is looked for again. */
const CHASES = 5;

/** Reads the rows of these changes as they are now, and no earlier than any of the changes; no more than `maxBytes` of them. */
export async function lookup(
  options: LookupOptions,
  changes: readonly Change[],
  maxBytes: number,
  signal: AbortSignal,
): Promise<readonly Change[]> {
  const groups = new Map<string, Group>();
  let since: Timestamp | null = null;
  for (const change of changes) {
    const group = groups.get(groupOf(change)) ?? { ...collectionOf(change), keys: new Map<string, Buffer>() };
    groups.set(groupOf(change), group);
    group.keys.set(change.key.id, change.key.bytes);
    const time = timeOf(change);
    if (since === null || time.greaterThan(since)) since = time;
  }
  if (since === null) return [];
  const found = new Map<string, Rows>();
  const allowed = allowance(maxBytes);
  for (const [id, group] of groups) found.set(id, await readGroup(options, group, since, allowed, signal));
  return changes.map((change) => asFound(change, found.get(groupOf(change))?.get(change.key.id)));
}

const collectionOf = (change: Change): { readonly namespace: Namespace; readonly identity: string } => ({
  namespace: change.namespace,
  identity: change.identity ?? '',
});

function groupOf(change: Change): string {
  const { namespace, identity } = collectionOf(change);
  return `${identity} ${namespace}`;
}

/**
 * Reads by name, and then asks whether that name is still the collection's own: by now it may be called otherwise, and
 * another one may stand under the old name.
 */
async function readGroup(
  options: LookupOptions,
  group: Group,
  since: Timestamp,
  allowed: Allowance,
  signal: AbortSignal,
): Promise<Rows> {
  const keys = [...group.keys.values()];
  let name = group.namespace;
  for (let chase = 0; chase < CHASES; chase += 1) {
    const rows = await readRows(options, name, keys, since, allowed, signal);
    if (group.identity === '') return rows;
    const now = await nameOf(options.client, group, signal);
    if (now === name) return rows;
    // It was dropped, with its rows. What was found under its name belongs to its successor.
    if (now === null) return new Map();
    name = now;
  }
  throw new ReplicationError('retry', {
    code: 'renamed_meanwhile',
    message: `${group.namespace} is renamed faster than its rows can be read`,
    remedy: 'Nothing to do: the next leg tries again.',
    namespace: group.namespace,
  });
}

/** The present name of a collection; a rename to another database makes it another collection. */
async function nameOf(
  client: MongoClient,
  { namespace, identity }: Group,
  signal: AbortSignal,
): Promise<string | null> {
  const { database } = splitNamespace(namespace);
  const all = await ask(() => client.db(database).listCollections({}, { nameOnly: false, signal }).toArray());
  const found = all.find(({ info }) => info?.uuid?.toString('hex') === identity);
  return found === undefined ? null : joined(database, found.name);
}

const timeOf = (change: Change): Timestamp =>
  change instanceof Row ? change.place.time : parseTime(tokenOf(change.position).time);

/** A row that is gone was deleted since, or its shard key was changed: then its insert follows. */
function asFound(change: Change, row: EncodedRow | undefined): Change {
  const place = change instanceof Row ? change.place : new Place(change.position, change.sourceTimeMs);
  return row === undefined
    ? new Deleted(change.namespace, place, change.key)
    : new FullRow('replace', change.namespace, place, change.key, row);
}

const readRows = (
  options: LookupOptions,
  namespace: Namespace,
  keys: readonly Buffer[],
  since: Timestamp,
  allowed: Allowance,
  signal: AbortSignal,
): Promise<Rows> => fetchRows({ ...options, role: 'source', namespace, since }, keys, signal, allowed);
