import type { ClientSession, Db, Document, MongoClient } from 'mongodb';
import { document } from '../../bson/build';
import { BsonType } from '../../bson/types';
import { elements, findOne, find, names, slice, text } from '../../bson/walk';
import { getMore, runCursor } from '../../mongodb/raw';
import type { SchemaChange } from '../../replication/change';
import { inParallel } from '../../replication/in-parallel';
import { namespace, splitNamespace, type Namespace } from '../../replication/namespace';
import type { Selection } from '../../replication/pattern';
import type { Size, SourceNamespace } from '../../replication/source';
import { ask } from './deployment';

/** A collection, view or time series as the server lists it. */
interface Listed {
  readonly db: Db;
  readonly collection: string;
  readonly type: string;
  readonly options: Buffer;
  readonly identity: string;
}

const FIELDS = names('name', 'type', 'options', 'info');
const PAGE = 1_000;
const NO_OPTIONS = document([]);

/** What the selection matches now. */
export async function listNamespaces(
  client: MongoClient,
  selection: Selection,
  signal: AbortSignal,
): Promise<SourceNamespace[]> {
  const session = client.startSession({ causalConsistency: false });
  try {
    const databases = await databaseNames(client, selection, signal);
    const listed: Listed[] = [];
    for (const name of databases) {
      const db = client.db(name);
      for (const row of await readAll(db, session, { listCollections: 1, cursor: { batchSize: PAGE } }, signal)) {
        const entry = listedOf(db, row);
        if (selection.matches(namespace(name, entry.collection))) listed.push(entry);
      }
    }
    return await inParallel(listed, (entry) => describeNamespace(client, entry, signal));
  } finally {
    await session.endSession();
  }
}

/** The collection that a schema change speaks of, as it is now, also under another name in its database. */
export async function shapeOf(
  client: MongoClient,
  { namespace: name, identity = '' }: Pick<SchemaChange, 'namespace' | 'identity'>,
  signal: AbortSignal,
): Promise<SourceNamespace | null> {
  const { database, collection } = splitNamespace(name);
  const db = client.db(database);
  const session = client.startSession({ causalConsistency: false });
  const list = async (filter: Document): Promise<Listed[]> => {
    const rows = await readAll(db, session, { listCollections: 1, filter, cursor: { batchSize: PAGE } }, signal);
    return rows.map((row) => listedOf(db, row));
  };
  const isMeant = (listed: Listed): boolean => identity === '' || listed.identity === identity;
  try {
    let found = (await list({ name: collection })).find(isMeant);
    if (found === undefined && identity !== '') found = (await list({})).find(isMeant);
    return found === undefined ? null : await describeNamespace(client, found, signal);
  } finally {
    await session.endSession();
  }
}

async function databaseNames(client: MongoClient, selection: Selection, signal: AbortSignal): Promise<string[]> {
  if (selection.database !== null) return [selection.database];
  const command = { listDatabases: 1, nameOnly: true };
  const reply = await ask(() => client.db('admin').command(command, { signal }));
  return (reply['databases'] as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => selection.matchesDatabase(name))
    .sort();
}

function listedOf(db: Db, row: Buffer): Listed {
  const [name, type, options, info] = find(row, 0, FIELDS);
  const uuid = info && findOne(row, info.start, 'uuid');
  return {
    db,
    collection: name ? text(row, name) : '',
    type: type ? text(row, type) : 'collection',
    options: options ? Buffer.from(slice(row, options)) : NO_OPTIONS,
    identity: uuid?.type === BsonType.binary ? row.toString('hex', uuid.start + 5, uuid.end) : '',
  };
}

async function describeNamespace(client: MongoClient, listed: Listed, signal: AbortSignal): Promise<SourceNamespace> {
  const { db, collection, type, options, identity } = listed;
  const base = { name: namespace(db.databaseName, collection), identity, options };
  if (type !== 'collection') {
    // A view is computed from what is copied; a time series has no change stream.
    return { ...base, follows: 'nothing', indexes: [], wholeOrder: false };
  }
  const session = client.startSession({ causalConsistency: false });
  try {
    const command = { listIndexes: collection, cursor: { batchSize: PAGE } };
    const indexes = await readAll(db, session, command, signal).catch(noneIfGone);
    return {
      ...base,
      follows: 'stream',
      indexes: indexes.filter((index) => nameOf(index) !== '_id_').map(withoutNamespace),
      wholeOrder: keepsWholeOrder(options),
    };
  } finally {
    await session.endSession();
  }
}

const nameOf = (index: Buffer): string => {
  const name = findOne(index, 0, 'name');
  return name ? text(index, name) : '';
};

/** Old servers tell the namespace inside the index; it is not part of the specification. */
const withoutNamespace = (index: Buffer): Buffer =>
  document(
    elements(index)
      .filter(({ name }) => name !== 'ns')
      .map((each) => index.subarray(each.start - Buffer.byteLength(each.name) - 2, each.end)),
  );

/** Its rows fall out in the order in which they came. */
export function isCapped(options: Buffer): boolean {
  const capped = findOne(options, 0, 'capped');
  return capped?.type === BsonType.boolean && options[capped.start] === 1;
}

/** A collation makes one key of several texts. */
function keepsWholeOrder(options: Buffer): boolean {
  const collation = findOne(options, 0, 'collation');
  const locale = collation && findOne(options, collation.start, 'locale');
  return isCapped(options) || (locale !== undefined && text(options, locale) !== 'simple');
}

export async function sizeOf(client: MongoClient, name: Namespace, signal: AbortSignal): Promise<Size> {
  const { database, collection } = splitNamespace(name);
  const pipeline = [
    { $collStats: { storageStats: {} } },
    { $project: { 'storageStats.count': 1, 'storageStats.size': 1 } },
  ];
  const parts = await client
    .db(database)
    .collection(collection)
    .aggregate<{ storageStats?: { count?: number; size?: number } }>(pipeline, { signal })
    .toArray()
    .catch(() => []);
  // One part for each shard.
  const sum = (field: 'count' | 'size') => parts.reduce((total, part) => total + (part.storageStats?.[field] ?? 0), 0);
  return { estimatedRows: sum('count'), estimatedBytes: sum('size') };
}

/** A collection that was dropped since it was listed has no indexes. */
function noneIfGone(error: unknown): Buffer[] {
  const gone = error instanceof Error && 'code' in error && error.code === 'namespace_missing';
  if (gone) return [];
  throw error;
}

async function readAll(db: Db, session: ClientSession, command: Document, signal: AbortSignal): Promise<Buffer[]> {
  return await ask(async () => {
    const rows: Buffer[] = [];
    let reply = await runCursor(db, command, { session }, signal);
    for (;;) {
      for (const each of reply.documents) rows.push(Buffer.from(slice(reply.buffer, each)));
      if (reply.id === 0n) return rows;
      const collection = reply.namespace.slice(db.databaseName.length + 1);
      reply = await getMore(db, { id: reply.id, collection }, { session, batchSize: PAGE }, signal);
    }
  });
}
