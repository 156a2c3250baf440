import type { MongoClient, UUID } from 'mongodb';
import type { RawDocument } from '../../../../formats/bson/raw-document';
import { codeOf } from '../../errors';
import { listCollections, type ListedCollection } from '../../driver/listing';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import { runDdl, sendable } from './ddl';

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
export interface Present extends ListedCollection {
  /** With its database. */
  readonly name: Namespace;
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
    for (const item of await listCollections(client.db(database), filter, signal)) {
      if (!names.has(item.name)) continue;
      const full = `${database}.${item.name}`;
      found.set(full, { ...item, name: full });
    }
  }
  return found;
}

/** Makes a collection; one that is there already stays as it is. */
export async function createCollection(
  client: MongoClient,
  target: Namespace,
  options: RawDocument,
  signal: AbortSignal,
): Promise<void> {
  const { database, collection } = splitNamespace(target);
  const command = { create: collection, ...Object.fromEntries(sendable(options, target)) };
  try {
    await runDdl(client, database, command, signal);
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
