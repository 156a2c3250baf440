import { createHash } from 'node:crypto';
import { BSONRegExp, type Document } from 'mongodb';
import type { NamePattern, NamespacePattern, Selection } from '../../../../core/mapping/pattern';

/** What the server can do for a change stream; found out once by trying. */
export interface StreamFeatures {
  readonly expanded: boolean;
  readonly split: boolean;
}

/** A name as `$in` and `$nin` take it. */
const nameOf = ({ literal, source }: NamePattern): unknown => literal ?? new BSONRegExp(source);

const isAny = ({ pattern }: NamePattern): boolean => pattern === '*';

/** Events without a collection; the client checks them itself. */
const WITHOUT_COLLECTION = { operationType: { $in: ['dropDatabase', 'invalidate'] } };

/** Inside one database only collections are told apart. */
function databaseFilter({ include, exclude }: Selection): Document[] {
  const included = include.map(({ collection }) => collection);
  const excluded = exclude.map(({ collection }) => collection).filter((pattern) => !isAny(pattern));
  const all = included.length === 0 || included.some(isAny);
  if (all && excluded.length === 0) return [];
  const wanted = {
    ...(!all && { $in: included.map(nameOf) }),
    ...(excluded.length > 0 && { $nin: excluded.map(nameOf) }),
  };
  // `$nin` holds for a field that is not there, too.
  const renamed = { 'to.coll': { $exists: true, ...wanted } };
  return [{ $match: { $or: [{ 'ns.coll': wanted }, renamed, WITHOUT_COLLECTION] } }];
}

const pair = ({ database, collection }: NamespacePattern, field: 'ns' | 'to'): Document => ({
  ...(!isAny(database) && { [`${field}.db`]: { $in: [nameOf(database)] } }),
  ...(!isAny(collection) && { [`${field}.coll`]: { $in: [nameOf(collection)] } }),
});

function deploymentFilter({ include, exclude }: Selection): Document[] {
  const databases = exclude.filter(({ collection }) => isAny(collection)).map(({ database }) => nameOf(database));
  const others = exclude.filter(({ collection }) => !isAny(collection));
  const wanted = (field: 'ns' | 'to'): Document => ({
    [`${field}.db`]: { $exists: true, $nin: databases },
    ...(include.length > 0 && { $or: include.map((pattern) => pair(pattern, field)) }),
    ...(others.length > 0 && { $nor: others.map((pattern) => pair(pattern, field)) }),
  });
  if (include.length === 0 && others.length === 0) return [{ $match: { 'ns.db': { $nin: databases } } }];
  return [{ $match: { $or: [wanted('ns'), wanted('to'), WITHOUT_COLLECTION] } }];
}

/**
 * The stages after `$changeStream`. Every event is checked again when it arrives, so this need not be exact: it leaves
 * out what would cost to send, and costs nothing itself where there is nothing to leave out.
 */
export function streamFilter(selection: Selection): Document[] {
  const { database, exclude } = selection;
  // What a server keeps for itself is rare in a change stream, and sorted out on arrival.
  const asked = { ...selection, exclude: exclude.filter(({ collection }) => collection.pattern !== 'system.*') };
  return database === null ? deploymentFilter(asked) : databaseFilter(asked);
}

export function streamPipeline(selection: Selection, features: StreamFeatures, start: Document): Document[] {
  return [
    {
      $changeStream: {
        ...start,
        ...(features.expanded && { showExpandedEvents: true }),
        ...(selection.database === null && { allChangesForCluster: true }),
      },
    },
    ...streamFilter(selection),
    ...(features.split ? [{ $changeStreamSplitLargeEvent: {} }] : []),
  ];
}

/** Short and stable: equal exactly when an event's token may be resumed from. */
export const filterHash = (selection: Selection): string =>
  createHash('sha256')
    .update(JSON.stringify([selection.database, streamFilter(selection)]))
    .digest('hex')
    .slice(0, 12);
