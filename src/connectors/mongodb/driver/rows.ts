import type { Document, FindCursor, FindOptions, MongoClient, ReadPreference, Timestamp } from 'mongodb';
import { idDocument, keyOf } from '../../../formats/bson/key';
import { BsonType } from '../../../formats/bson/types';
import { findOne } from '../../../formats/bson/walk';
import type { EncodedRow } from '../../../core/model/change';
import { ReplicationError, tooMuch } from '../../../core/model/errors';
import { splitNamespace, type Namespace } from '../../../core/model/namespace';
import type { Interval, RowBatch } from '../../../core/ports/source';
import { classify, type Where } from '../errors';
import { askFor, nextRows } from './internals';
import { queryId, questions } from './keys';

/** Of a message, about: more would be memory and no speed. */
const MESSAGE_BYTES = 2 * 1024 * 1024;
/** Of a batch, where rows are suddenly larger than the ones before. */
const BATCH_BYTES = 2 * MESSAGE_BYTES;
/** How large rows are is known once some have come. */
const FIRST_ROWS = 500;

/** Whose rows are read, and how. */
export interface Reading {
  readonly client: MongoClient;
  readonly role: Where['role'];
  /** As the server knows it. */
  readonly namespace: Namespace;
  readonly readPreference: ReadPreference;
  /** No earlier state than this one is read. */
  readonly since: Timestamp | null;
}

/**
 * Rows of an interval in key order, at most `batchSize` at a time and as many as are worth a message; the next ones are
 * fetched while some are used.
 */
export async function* readRows(
  reading: Reading,
  interval: Interval,
  batchSize: number,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const { namespace } = reading;
  const options = { sort: { _id: 1 }, batchSize } as const;
  await using opened = openRows(reading, intervalFilter(namespace, interval), options, signal);
  let next = opened.next();
  for (;;) {
    const rows = await next;
    if (rows.length === 0) return;
    next = opened.next();
    // Awaited only in the next round; a failure must not count as unhandled until then.
    next.catch(() => undefined);
    yield* bounded(namespace, rows);
    if (signal.aborted) throw cancelled(namespace);
  }
}

export interface OpenRows extends AsyncDisposable {
  /** The next rows, as many as are worth a message; none at the end. */
  next(): Promise<Buffer[]>;
}

/** A cursor with a session of its own. */
export function openRows(
  reading: Reading,
  filter: Document,
  { batchSize, ...options }: Pick<FindOptions, 'sort' | 'collation' | 'allowDiskUse'> & { readonly batchSize: number },
  signal: AbortSignal,
): OpenRows {
  const { client, namespace, readPreference } = reading;
  const { database, collection } = splitNamespace(namespace);
  const session = client.startSession({ causalConsistency: true });
  if (reading.since !== null) session.advanceOperationTime(reading.since);
  const cursor = client
    .db(database)
    .collection(collection)
    .find(filter, {
      ...options,
      raw: true,
      session,
      signal,
      readPreference,
      readConcern: { level: 'majority' },
      batchSize: Math.min(batchSize, FIRST_ROWS),
    }) as unknown as FindCursor<Buffer>;
  return {
    next: async () => {
      const rows = await ask(reading, () => nextRows(cursor));
      if (rows.length > 0) askFor(cursor, rowsPerMessage(rows, batchSize));
      return rows;
    },
    [Symbol.asyncDispose]: async () => {
      await cursor.close().catch(() => undefined);
      await session.endSession().catch(() => undefined);
    },
  };
}

/** As many as are worth a message, if they are like these. */
function rowsPerMessage(rows: readonly Buffer[], most: number): number {
  const bytes = rows.reduce((sum, { length }) => sum + length, 0);
  return Math.min(most, Math.max(1, Math.floor((MESSAGE_BYTES * rows.length) / bytes)));
}

/** What may still be read. One row always may. */
export interface Allowance {
  bytes: number;
  /** Nothing was read of it. */
  whole: boolean;
}

export const allowance = (bytes: number): Allowance => ({ bytes, whole: true });

/** The rows of these keys that are there, by the identity of their key. Rejects with `too_much` beyond what is allowed. */
export async function fetchRows(
  reading: Reading,
  keys: readonly Buffer[],
  signal: AbortSignal,
  allowed: Allowance = allowance(Infinity),
): Promise<Map<string, EncodedRow>> {
  const { client, namespace, readPreference } = reading;
  const { database, collection } = splitNamespace(namespace);
  const session = client.startSession({ causalConsistency: true });
  const rows = new Map<string, EncodedRow>();
  try {
    if (reading.since !== null) session.advanceOperationTime(reading.since);
    for (const asked of questions(keys, (key) => key)) {
      const $in = asked.map((key) => queryId(key, namespace));
      const cursor = client
        .db(database)
        .collection(collection)
        .find({ _id: { $in } } as object, {
          raw: true,
          session,
          signal,
          readPreference,
          readConcern: { level: 'majority' },
          batchSize: asked.length + 1,
        });
      for (const row of await ask(reading, () => take(cursor as unknown as FindCursor<Buffer>, namespace, allowed))) {
        const key = idDocument(row);
        if (key) rows.set(keyOf(key).id, row);
      }
    }
    return rows;
  } finally {
    await session.endSession();
  }
}

async function take(cursor: FindCursor<Buffer>, namespace: Namespace, allowed: Allowance): Promise<readonly Buffer[]> {
  const rows: Buffer[] = [];
  try {
    for (let next = await nextRows(cursor); next.length > 0; next = await nextRows(cursor))
      for (const row of next) {
        allowed.bytes -= row.length;
        if (allowed.bytes < 0 && !allowed.whole) throw tooMuch(namespace);
        allowed.whole = false;
        rows.push(row);
      }
    return rows;
  } finally {
    await cursor.close();
  }
}

async function ask<T>({ role, namespace }: Reading, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw classify(error, { role, namespace });
  }
}

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

interface Bound {
  readonly key: Buffer;
  readonly operator: '$gte' | '$gt' | '$lte' | '$lt';
}

/**
 * `$gt` and its like see only the type of what they are compared with, so they serve where both bounds have one type;
 * an expression compares over all types, in the order of the index.
 */
function intervalFilter(namespace: Namespace, interval: Interval): Document {
  const low = lowOf(interval);
  const high = highOf(interval);
  if (low !== null && high !== null && sameBracket(low.key, high.key)) {
    return { _id: { [low.operator]: queryId(low.key, namespace), [high.operator]: queryId(high.key, namespace) } };
  }
  const bounds = [low, high].flatMap((bound): Document[] =>
    bound === null ? [] : [{ [bound.operator]: ['$_id', { $literal: queryId(bound.key, namespace) }] }],
  );
  return bounds.length === 0 ? {} : { $expr: { $and: bounds } };
}

/** Where both are given, `after` and `upTo` are the narrower ones. */
function lowOf({ from, after }: Interval): Bound | null {
  if (after !== null) return { key: after, operator: '$gt' };
  return from === null ? null : { key: from, operator: '$gte' };
}

function highOf({ to, upTo }: Interval): Bound | null {
  if (upTo !== null) return { key: upTo, operator: '$lte' };
  return to === null ? null : { key: to, operator: '$lt' };
}

const NUMBERS: readonly number[] = [BsonType.int32, BsonType.int64, BsonType.double, BsonType.decimal128];

/** Types that the server compares with each other alone; the rare ones are left to the expression. */
function sameBracket(a: Buffer, b: Buffer): boolean {
  const left = findOne(a, 0, '_id')?.type ?? 0;
  const right = findOne(b, 0, '_id')?.type ?? 0;
  if (left === BsonType.objectId || left === BsonType.string) return left === right;
  // NaN is below every number for the index, and not comparable for `$gt`.
  return NUMBERS.includes(left) && NUMBERS.includes(right) && !isNaNKey(a) && !isNaNKey(b);
}

const NOT_A_NUMBER = 'nNaN';
const isNaNKey = (key: Buffer): boolean => keyOf(key).id === NOT_A_NUMBER;

export const cancelled = (namespace: Namespace): ReplicationError =>
  new ReplicationError('retry', { code: 'cancelled', message: `reading ${namespace} was cancelled`, namespace });
