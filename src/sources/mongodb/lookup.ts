import type { MongoClient, ReadPreference, Timestamp } from 'mongodb';
import { idDocument, keyOf } from '../../bson/key';
import type { Change, EncodedRow } from '../../replication/change';
import { splitNamespace, type Namespace } from '../../replication/namespace';
import { Deleted, FullRow, Place, Row } from './change';
import { ask } from './deployment';
import { queryId } from './keys';
import { parseTime, tokenOf } from './position';

/** Keys per question: their bytes stay far below the limit of a command. */
const KEYS = 500;

type Rows = ReadonlyMap<string, EncodedRow>;

export interface LookupOptions {
  readonly client: MongoClient;
  readonly readPreference: ReadPreference;
}

/** Reads the rows of these changes as they are now, and no earlier than any of the changes. */
export async function lookup(
  options: LookupOptions,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<readonly Change[]> {
  const keys = new Map<Namespace, Map<string, Buffer>>();
  let since: Timestamp | null = null;
  for (const change of changes) {
    const ofNamespace = keys.get(change.namespace) ?? new Map<string, Buffer>();
    keys.set(change.namespace, ofNamespace.set(change.key.id, change.key.bytes));
    const time = timeOf(change);
    if (since === null || time.greaterThan(since)) since = time;
  }
  if (since === null) return [];
  const found = new Map<Namespace, Rows>();
  for (const [namespace, wanted] of keys) {
    found.set(namespace, await readRows(options, namespace, [...wanted.values()], since, signal));
  }
  return changes.map((change) => asFound(change, found.get(change.namespace)?.get(change.key.id)));
}

const timeOf = (change: Change): Timestamp =>
  change instanceof Row ? change.place.time : parseTime(tokenOf(change.position).time);

/** A row that is gone was deleted since, or its shard key was changed: then its insert follows. */
function asFound(change: Change, row: EncodedRow | undefined): Change {
  const place = change instanceof Row ? change.place : Place.at(change.position, change.sourceTimeMs);
  return row === undefined
    ? new Deleted(change.namespace, place, change.key)
    : new FullRow('replace', change.namespace, place, change.key, row);
}

async function readRows(
  { client, readPreference }: LookupOptions,
  namespace: Namespace,
  keys: readonly Buffer[],
  since: Timestamp,
  signal: AbortSignal,
): Promise<Rows> {
  const { database, collection } = splitNamespace(namespace);
  const session = client.startSession({ causalConsistency: true });
  const rows = new Map<string, EncodedRow>();
  try {
    // The session makes the server wait until it has seen `since`.
    session.advanceOperationTime(since);
    for (let at = 0; at < keys.length; at += KEYS) {
      const $in = keys.slice(at, at + KEYS).map((key) => queryId(key, namespace));
      const cursor = client
        .db(database)
        .collection(collection)
        .find({ _id: { $in } } as object, {
          raw: true,
          session,
          signal,
          readPreference,
          readConcern: { level: 'majority' },
          batchSize: KEYS + 1,
        });
      for (const row of (await ask(() => cursor.toArray())) as unknown as Buffer[]) {
        const key = idDocument(row);
        if (key) rows.set(keyOf(key).id, row);
      }
    }
    return rows;
  } finally {
    await session.endSession();
  }
}
