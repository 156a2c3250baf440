import type { Document, MongoClient } from 'mongodb';
import { collationOf } from '../../schema/collation';
import { listIndexes } from '../../driver/listing';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import { runDdl, sendable } from '../schema/ddl';
import { indexOf, requested, type Index } from './index-specs';
import { present, type Present } from '../schema/targets';

/** The indexes of a target, that of the key left out; none where there is no target. */
export interface TargetIndexes {
  readonly target: Namespace;
  readonly byName: ReadonlyMap<string, Index>;
  /** The collection has another collation than the simple one, which an index gets that names none. */
  readonly hasCollation: boolean;
}

export async function indexesOf(
  client: MongoClient,
  target: Namespace,
  signal: AbortSignal,
  known?: Present,
): Promise<TargetIndexes> {
  const now = known ?? (await present(client, [target], signal)).get(target);
  if (now === undefined) return { target, byName: new Map(), hasCollation: false };
  const { database, collection } = splitNamespace(target);
  const listed = await listIndexes(client.db(database), collection, now.options, signal);
  return {
    target,
    byName: new Map(listed.map(indexOf).map((index) => [index.name, index])),
    hasCollation: collationOf(now.options) !== undefined,
  };
}

/** Builds an index as its source has it. */
export async function createIndex(
  client: MongoClient,
  { target, hasCollation }: TargetIndexes,
  index: Index,
  signal: AbortSignal,
): Promise<void> {
  const { name, options } = index;
  const asked = sendable(requested(index, hasCollation), target);
  await onIndexes(client, target, 'createIndexes', { indexes: [asked] }, signal);
  if (!options.flag('prepareUnique')) return;
  await onIndexes(client, target, 'collMod', { index: { name, prepareUnique: true } }, signal);
}

/** Asks for one of the changes of which the first field names the collection. */
export async function onIndexes(
  client: MongoClient,
  target: Namespace,
  verb: 'createIndexes' | 'dropIndexes' | 'collMod',
  change: Document,
  signal: AbortSignal,
): Promise<void> {
  const { database, collection } = splitNamespace(target);
  await runDdl(client, database, { [verb]: collection, ...change }, signal);
}
