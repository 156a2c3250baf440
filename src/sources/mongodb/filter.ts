import { createHash } from 'node:crypto';
import type { Document } from 'mongodb';
import type { NamePattern, NamespacePattern, Selection } from '../../replication/pattern';

/** What the server can do for a change stream; found out once by trying. */
export interface StreamFeatures {
  readonly expanded: boolean;
  readonly split: boolean;
}

const matchName = ({ literal, source }: NamePattern): unknown => literal ?? { $regex: source };

const matchPair = ({ database, collection }: NamespacePattern, field: 'ns' | 'to'): Document => ({
  ...(database.pattern !== '*' && { [`${field}.db`]: matchName(database) }),
  ...(collection.pattern !== '*' && { [`${field}.coll`]: matchName(collection) }),
});

function matchField({ include, exclude }: Selection, field: 'ns' | 'to'): Document {
  return {
    $and: [
      { [`${field}.coll`]: { $exists: true } },
      ...(include.length > 0 ? [{ $or: include.map((pattern) => matchPair(pattern, field)) }] : []),
      { $nor: exclude.map((pattern) => matchPair(pattern, field)) },
    ],
  };
}

/** The stages after `$changeStream`. Events without a collection (a dropped database, an invalidate) always pass. */
export const streamFilter = (selection: Selection): Document[] => [
  {
    $match: {
      $or: [
        matchField(selection, 'ns'),
        matchField(selection, 'to'),
        { 'ns.coll': { $exists: false } },
        { operationType: { $in: ['dropDatabase', 'invalidate'] } },
      ],
    },
  },
];

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
