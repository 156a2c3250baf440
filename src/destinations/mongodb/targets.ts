import { BSON, Binary, type Document, type MongoClient, type UUID } from 'mongodb';
import { codeOf } from '../../mongodb/errors';
import { splitNamespace, type Namespace } from '../../replication/namespace';
import { runDdl } from './ddl';

/** A namespace as lanes and loaders need it. */
export interface Target {
  readonly source: Namespace;
  readonly name: Namespace;
  /** Has a validator. */
  readonly validated: boolean;
  readonly wholeOrder: boolean;
}

export type Targets = ReadonlyMap<Namespace, Target>;

export function targetOf(targets: Targets, name: Namespace): Target {
  const found = targets.get(name);
  if (found === undefined) throw new Error('a lane was given a namespace without its target');
  return found;
}

/** A collection as it is at the destination now. */
export interface Present {
  readonly name: Namespace;
  readonly type: string;
  readonly identity: string;
  readonly options: Document;
}

/** What `listCollections` says of these namespaces, one call per database. */
export async function present(
  client: MongoClient,
  targets: Iterable<Namespace>,
  signal: AbortSignal,
): Promise<Map<Namespace, Present>> {
  const wanted = new Map<string, Set<string>>();
  for (const target of targets) {
    const { database, collection } = splitNamespace(target);
    const names = wanted.get(database);
    if (names) names.add(collection);
    else wanted.set(database, new Set([collection]));
  }
  const found = new Map<Namespace, Present>();
  for (const [database, names] of wanted) {
    const filter = names.size <= 100 ? { name: { $in: [...names] } } : {};
    // `promoteValues` would change numbers in options that are handed on.
    const listed = client
      .db(database)
      .listCollections(filter, { nameOnly: false, signal, promoteValues: false, bsonRegExp: true });
    for await (const item of listed) {
      const { name, type, options, info } = item as Document & { name: string; type: string };
      if (!names.has(name)) continue;
      const full = `${database}.${name}`;
      found.set(full, {
        name: full,
        type,
        identity: identityOf((info as Document | undefined)?.['uuid']),
        options: (options as Document | undefined) ?? {},
      });
    }
  }
  return found;
}

const identityOf = (uuid: unknown): string => (uuid instanceof Binary ? uuid.toString('hex') : '');

/**
 * Left behind when a collection is made here: what belongs to views, time series and storage engines; expiry, because
 * the source decides what expires while it is followed; and a cap, because the server refuses to write to capped
 * collections inside a transaction.
 */
const STRIPPED = [
  'uuid',
  'viewOn',
  'pipeline',
  'timeseries',
  'expireAfterSeconds',
  'capped',
  'size',
  'max',
  'autoIndexId',
  'temp',
  'storageEngine',
];

/** The options that a target gets, from the source's. */
export function targetOptions(options: Buffer | undefined): Document {
  if (options === undefined || options.length === 0) return {};
  return creatable(BSON.deserialize(options, { promoteValues: false, bsonRegExp: true }));
}

/** Options that a target may be made with. */
export const creatable = (options: Document): Document =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !STRIPPED.includes(name)));

/** Makes a collection; one that is there already stays as it is. */
export async function createCollection(
  client: MongoClient,
  target: Namespace,
  options: Document,
  signal: AbortSignal,
): Promise<void> {
  const { database, collection } = splitNamespace(target);
  try {
    await runDdl(client, database, { create: collection, ...options }, signal);
  } catch (error) {
    if (codeOf(error) !== 48) throw error;
  }
}

/** Removes a collection; with a guard only the one that it names. Absent is fine. */
export async function dropCollection(
  client: MongoClient,
  target: Namespace,
  guard: { readonly collectionUUID?: UUID },
  signal: AbortSignal,
): Promise<void> {
  const { database, collection } = splitNamespace(target);
  try {
    await runDdl(client, database, { drop: collection, ...guard }, signal);
  } catch (error) {
    if (codeOf(error) !== 26) throw error;
  }
}

/** A collation with other rules than simple byte order, as text to compare; null for simple. */
export function collationOf(options: Document): string | null {
  const collation = options['collation'] as Document | undefined;
  if (collation === undefined || collation['locale'] === 'simple') return null;
  return `${String(collation['locale'])}/${String(collation['strength'] ?? 3)}`;
}
