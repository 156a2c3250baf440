import { BSON, Long } from 'mongodb';
import { idDocument, keyOf } from '../../../../formats/bson/key';
import { BsonType } from '../../../../formats/bson/types';
import { findOne } from '../../../../formats/bson/walk';
import { splitNamespace, type SourceNamespace } from '../../../../core/model/namespace';
import type { Cut, CutOptions } from '../../../../core/ports/source';
import { ask } from '../deployment';
import { sizeOf } from '../namespaces';
import { parseTime, tokenOf } from '../position';
import type { Members } from './rows';

/** Smaller ranges cost more than they save: each is a query, a loader's record and a restart point. */
const ROWS_PER_RANGE = 2_000;
const SAMPLES_PER_RANGE = 20;

/** Keys of which at least every second one is taken are even enough: no range has twice its share. */
const DENSE = 2;

/**
 * Cuts in the server's own order over all types: evenly where the keys are whole numbers in a row, else by a sample of
 * them.
 */
export async function cutRanges(
  members: Members,
  source: SourceNamespace,
  { count, since }: CutOptions,
  signal: AbortSignal,
): Promise<Cut> {
  const asked = { ...members, source, since, signal };
  const [size, ends] = await Promise.all([
    sizeOf(members.client, source.name, signal),
    source.wholeOrder ? null : endsOf(asked),
  ]);
  const { estimatedRows } = size;
  const wanted = source.wholeOrder ? 1 : Math.min(count(estimatedRows), Math.ceil(estimatedRows / ROWS_PER_RANGE));
  const even = wanted > 1 && ends !== null && isDense(ends, wanted, estimatedRows);
  const bounds = even ? evenBounds(ends, wanted) : wanted > 1 ? await sampleBounds(asked, wanted) : [];
  // Between two numbers are numbers alone, and a query by one type reads the index where others go through all keys.
  const closed = even && since !== null;
  const from = [closed ? numberKey(ends.lowest) : null, ...bounds];
  const to = [...bounds, closed ? numberKey(ends.highest + 1) : null];
  const perRange = Math.ceil(estimatedRows / from.length);
  return {
    ...size,
    ranges: from.map((low, index) => ({ from: low, to: to[index] ?? null, estimatedRows: perRange })),
  };
}

interface Asked extends Members, Pick<CutOptions, 'since'> {
  readonly source: SourceNamespace;
  readonly signal: AbortSignal;
}

interface Ends {
  readonly lowest: number;
  readonly highest: number;
}

const isDense = ({ lowest, highest }: Ends, wanted: number, rows: number): boolean => {
  const span = highest - lowest + 1;
  return span >= wanted && span <= DENSE * rows;
};

const evenBounds = ({ lowest, highest }: Ends, wanted: number): Buffer[] =>
  Array.from({ length: wanted - 1 }, (_, cut) =>
    numberKey(lowest + Math.floor(((cut + 1) * (highest - lowest + 1)) / wanted)),
  );

/** In the smallest type that holds it, as keys are mostly stored: some servers compare unlike numbers slowly. */
const numberKey = (value: number): Buffer =>
  Buffer.from(BSON.serialize({ _id: value === (value | 0) ? value : Long.fromNumber(value) }));

/** Null where they are no whole numbers. Two reads of the index, where a sample may read all rows. */
async function endsOf(asked: Asked): Promise<Ends | null> {
  const [lowest, highest] = await Promise.all([endOf(asked, 1), endOf(asked, -1)]);
  return lowest === null || highest === null ? null : { lowest, highest };
}

/** The first or last key, where that is a whole number. */
async function endOf({ client, readPreference, source, since, signal }: Asked, order: 1 | -1): Promise<number | null> {
  const { database, collection } = splitNamespace(source.name);
  const session = client.startSession({ causalConsistency: true });
  if (since !== null) session.advanceOperationTime(parseTime(tokenOf(since).time));
  const options = {
    raw: true,
    session,
    signal,
    readPreference,
    readConcern: { level: 'majority' },
    projection: { _id: 1 },
    sort: { _id: order },
  } as const;
  try {
    const row = (await ask(() => client.db(database).collection(collection).findOne({}, options))) as Buffer | null;
    const id = row && findOne(row, 0, '_id');
    if (id?.type === BsonType.int32) return row?.readInt32LE(id.start) ?? null;
    const value = id?.type === BsonType.int64 ? Number(row?.readBigInt64LE(id.start)) : NaN;
    return Number.isSafeInteger(value) ? value : null;
  } finally {
    await session.endSession();
  }
}

async function sampleBounds({ client, readPreference, source, signal }: Asked, wanted: number): Promise<Buffer[]> {
  const { database, collection } = splitNamespace(source.name);
  const pipeline = [{ $sample: { size: wanted * SAMPLES_PER_RANGE } }, { $project: { _id: 1 } }, { $sort: { _id: 1 } }];
  const options = {
    raw: true,
    signal,
    readPreference,
    allowDiskUse: true,
    readConcern: { level: 'majority' },
  } as const;
  const sample = (await ask(() =>
    client.db(database).collection(collection).aggregate(pipeline, options).toArray(),
  )) as unknown as Buffer[];
  const bounds: Buffer[] = [];
  const seen = new Set<string>();
  for (let cut = 1; cut < wanted; cut++) {
    const row = sample[Math.floor((cut * sample.length) / wanted)];
    const key = row && idDocument(row);
    if (!key) continue;
    const { id } = keyOf(key);
    // The sample may name a row twice. Nothing compares well with NaN, and the first bound has to leave something below.
    if (seen.has(id) || id === 'nNaN') continue;
    seen.add(id);
    bounds.push(key);
  }
  return bounds;
}
