import type { Db, Document, MongoClient } from 'mongodb';
import { BsonType } from '../../../formats/bson/types';
import { findOne, text } from '../../../formats/bson/walk';
import { listCollections, listIndexes, type ListedCollection } from '../driver/listing';
import type { SchemaChange } from '../../../core/model/change';
import { inParallel } from '../../../core/async/in-parallel';
import {
  hasRows,
  namespace,
  splitNamespace,
  type Derived,
  type Namespace,
  type SourceNamespace,
} from '../../../core/model/namespace';
import type { Selection } from '../../../core/mapping/pattern';
import { type Size } from '../../../core/ports/source';
import { ask } from './deployment';

interface Listed extends ListedCollection {
  readonly db: Db;
}

/** What the selection matches now. */
export async function listNamespaces(
  client: MongoClient,
  selection: Selection,
  signal: AbortSignal,
): Promise<SourceNamespace[]> {
  const listed: Listed[] = [];
  for (const name of await databaseNames(client, selection, signal)) {
    const all = await list(client.db(name), {}, signal);
    listed.push(...all.filter((each) => selection.matches(namespace(name, each.name))));
  }
  return await inParallel(listed, (entry) => describeNamespace(entry, signal));
}

/** The views that the selection matches now, in one database or in all. */
export async function listViews(
  client: MongoClient,
  selection: Selection,
  database: string | null,
  signal: AbortSignal,
): Promise<Derived> {
  const databases = database === null ? await databaseNames(client, selection, signal) : [database];
  const views: SourceNamespace[] = [];
  for (const name of databases) views.push(...(await list(client.db(name), { type: 'view' }, signal)).map(withoutRows));
  const isMeant = (name: Namespace): boolean => database === null || splitNamespace(name).database === database;
  return {
    list: views.filter(({ name }) => selection.matches(name)),
    covers: (name) => isMeant(name) && selection.matches(name),
  };
}

/** The collection that a schema change speaks of, as it is now, also under another name in its database. */
export async function shapeOf(
  client: MongoClient,
  { namespace: name, identity = '' }: Pick<SchemaChange, 'namespace' | 'identity'>,
  signal: AbortSignal,
): Promise<SourceNamespace | null> {
  const { database, collection } = splitNamespace(name);
  const db = client.db(database);
  const isMeant = (listed: Listed): boolean => identity === '' || listed.identity === identity;
  let found = (await list(db, { name: collection }, signal)).find(isMeant);
  if (found === undefined && identity !== '') found = (await list(db, {}, signal)).find(isMeant);
  return found === undefined ? null : await describeNamespace(found, signal);
}

export const list = (db: Db, filter: Document, signal: AbortSignal): Promise<Listed[]> =>
  ask(async () => (await listCollections(db, filter, signal)).map((each) => ({ ...each, db })));

export async function databaseNames(client: MongoClient, selection: Selection, signal: AbortSignal): Promise<string[]> {
  if (selection.database !== null) return [selection.database];
  const command = { listDatabases: 1, nameOnly: true };
  const reply = await ask(() => client.db('admin').command(command, { signal }));
  return (reply['databases'] as { name: string }[])
    .map(({ name }) => name)
    .filter((name) => selection.matchesDatabase(name))
    .sort();
}

/** A view is computed from what is copied; a time series has no change stream, and no unique key. */
const FOLLOWS: Readonly<Record<string, SourceNamespace['follows']>> = {
  collection: 'stream',
  view: 'derived',
  timeseries: 'copy_only',
};

const withoutRows = ({ db, name, type, options, identity }: Listed): SourceNamespace => ({
  name: namespace(db.databaseName, name),
  identity,
  options: options.bytes,
  follows: FOLLOWS[type] ?? 'nothing',
  indexes: [],
  wholeOrder: false,
  losesRows: false,
});

async function describeNamespace(listed: Listed, signal: AbortSignal): Promise<SourceNamespace> {
  const { db, name, options } = listed;
  const base = withoutRows(listed);
  if (!hasRows(base)) return base;
  const indexes = await ask(() => listIndexes(db, name, options, signal));
  return {
    ...base,
    indexes: indexes.map((index) => index.bytes),
    wholeOrder: keepsWholeOrder(base.options),
    losesRows: isCapped(base.options),
  };
}

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
