import type { Document, FindCursor, MongoClient, ReadPreference } from 'mongodb';
import { findOne } from '../../bson/walk';
import { idDocument, keyOf } from '../../bson/key';
import { BsonType } from '../../bson/types';
import { ReplicationError } from '../../replication/errors';
import { splitNamespace, type Namespace } from '../../replication/namespace';
import type { Position } from '../../replication/position';
import type { Range, RowBatch } from '../../replication/source';
import { ask } from './deployment';
import { queryId } from './keys';
import { parseTime, tokenOf } from './position';

const BATCH_BYTES = 4 * 1024 * 1024;

export interface RowsOptions {
  readonly after: Buffer | null;
  readonly since: Position;
  readonly batchSize: number;
}

/** Rows of a range in key order, in batches bounded by count and bytes; the next one is fetched while one is used. */
export async function* readRows(
  client: MongoClient,
  readPreference: ReadPreference,
  namespace: Namespace,
  range: Range,
  { after, since, batchSize }: RowsOptions,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const { database, collection } = splitNamespace(namespace);
  const session = client.startSession({ causalConsistency: true });
  // The stream starts at `since`: a read of an older state would leave a gap between the two.
  session.advanceOperationTime(parseTime(tokenOf(since).time));
  const cursor = client
    .db(database)
    .collection(collection)
    .find(rangeFilter(namespace, range, after), {
      raw: true,
      session,
      signal,
      readPreference,
      readConcern: { level: 'majority' },
      sort: { _id: 1 },
      batchSize,
    }) as unknown as FindCursor<Buffer>;
  try {
    let next = fetch(cursor);
    for (;;) {
      const rows = await next;
      if (rows.length === 0) return;
      next = fetch(cursor);
      // Looked at only in the next round; a failure must not count as unhandled until then.
      next.catch(() => undefined);
      yield* bounded(namespace, rows);
      if (signal.aborted) throw cancelled(namespace);
    }
  } finally {
    await cursor.close().catch(() => undefined);
    await session.endSession().catch(() => undefined);
  }
}

const fetch = (cursor: FindCursor<Buffer>): Promise<Buffer[]> =>
  ask(async () => {
    const first = await cursor.next();
    return first === null ? [] : [first, ...cursor.readBufferedDocuments()];
  });

function* bounded(namespace: Namespace, rows: readonly Buffer[]): Generator<RowBatch> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    batch.push(row);
    bytes += row.length;
    if (bytes < BATCH_BYTES && index < rows.length - 1) continue;
    const last = idDocument(row);
    if (last === null) throw new ReplicationError('poison', { code: 'no_key', message: `a row has no _id`, namespace });
    yield { rows: batch, bytes, last };
    batch = [];
    bytes = 0;
  }
}

/**
 * `$gt` and its like see only the type of what they are compared with, so they serve where both bounds have one type;
 * an expression compares over all types, in the order of the index.
 */
function rangeFilter(namespace: Namespace, { from, to }: Range, after: Buffer | null): Document {
  const low = after ?? from;
  const above = after === null ? '$gte' : '$gt';
  if (low !== null && to !== null && sameBracket(low, to)) {
    return { _id: { [above]: queryId(low, namespace), $lt: queryId(to, namespace) } };
  }
  const compare = (operator: string, key: Buffer): Document => ({
    [operator]: ['$_id', { $literal: queryId(key, namespace) }],
  });
  const bounds = [...(low ? [compare(above, low)] : []), ...(to ? [compare('$lt', to)] : [])];
  return bounds.length === 0 ? {} : { $expr: { $and: bounds } };
}

const NUMBERS: readonly number[] = [BsonType.int32, BsonType.int64, BsonType.double, BsonType.decimal128];

/** Types that the server compares with each other alone; the rare ones are left to the expression. */
function sameBracket(a: Buffer, b: Buffer): boolean {
  const left = findOne(a, 0, '_id')?.type ?? 0;
  const right = findOne(b, 0, '_id')?.type ?? 0;
  if (left === BsonType.objectId || left === BsonType.string) return left === right;
  // NaN is below every number for the index, and not comparable for `$gt`.
  return NUMBERS.includes(left) && NUMBERS.includes(right) && !isNaNKey(a);
}

const NOT_A_NUMBER = 'nNaN';
const isNaNKey = (key: Buffer): boolean => keyOf(key).id === NOT_A_NUMBER;

const cancelled = (namespace: Namespace): ReplicationError =>
  new ReplicationError('retry', { code: 'cancelled', message: `reading ${namespace} was cancelled`, namespace });
