import { BSON, Long, type MongoClient, type ReadPreference } from 'mongodb';
import { idDocument, keyOf } from '../../bson/key';
import { BsonType } from '../../bson/types';
import { findOne } from '../../bson/walk';
import { splitNamespace } from '../../replication/namespace';
import type { Range, SourceNamespace } from '../../replication/source';
import { ask } from './deployment';

/** Smaller ranges cost more than they save: each is a query, a loader's record and a restart point. */
const ROWS_PER_RANGE = 2_000;
const SAMPLES_PER_RANGE = 20;

/** Keys of which at least every second one is taken are even enough: no range has twice its share. */
const DENSE = 2;

/** Cuts in the server's own order over all types: evenly where the keys are whole numbers in a row, else by a sample of them. */
export async function cutRanges(
  client: MongoClient,
  readPreference: ReadPreference,
  source: SourceNamespace,
  count: number,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  const wanted = source.wholeOrder ? 1 : Math.min(count, Math.ceil(source.estimatedRows / ROWS_PER_RANGE));
  const asked = { client, readPreference, source, wanted, signal };
  const bounds = wanted > 1 ? ((await evenBounds(asked)) ?? (await sampleBounds(asked))) : [];
  const estimatedRows = Math.ceil(source.estimatedRows / (bounds.length + 1));
  return [null, ...bounds].map((from, index) => ({ from, to: bounds[index] ?? null, estimatedRows }));
}

interface Asked {
  readonly client: MongoClient;
  readonly readPreference: ReadPreference;
  readonly source: SourceNamespace;
  readonly wanted: number;
  readonly signal: AbortSignal;
}

/** Null where the keys are no whole numbers, or too far apart. Two looks at the index, where a sample may read all rows. */
async function evenBounds(asked: Asked): Promise<Buffer[] | null> {
  const { source, wanted } = asked;
  const [lowest, highest] = await Promise.all([endOf(asked, 1), endOf(asked, -1)]);
  if (lowest === null || highest === null) return null;
  const span = highest - lowest + 1;
  if (!(span >= wanted && span <= DENSE * source.estimatedRows)) return null;
  return Array.from({ length: wanted - 1 }, (_, cut) => {
    const bound = lowest + Math.floor(((cut + 1) * span) / wanted);
    // In the smallest type that holds it, as keys are mostly stored: some servers compare unlike numbers slowly.
    const _id = bound === (bound | 0) ? bound : Long.fromNumber(bound);
    return Buffer.from(BSON.serialize({ _id }));
  });
}

/** The first or last key, where that is a whole number. */
async function endOf({ client, readPreference, source, signal }: Asked, order: 1 | -1): Promise<number | null> {
  const { database, collection } = splitNamespace(source.name);
  const options = { raw: true, signal, readPreference, projection: { _id: 1 }, sort: { _id: order } } as const;
  const row = (await ask(() => client.db(database).collection(collection).findOne({}, options))) as Buffer | null;
  const id = row && findOne(row, 0, '_id');
  if (id?.type === BsonType.int32) return row?.readInt32LE(id.start) ?? null;
  const value = id?.type === BsonType.int64 ? Number(row?.readBigInt64LE(id.start)) : NaN;
  return Number.isSafeInteger(value) ? value : null;
}

async function sampleBounds({ client, readPreference, source, wanted, signal }: Asked): Promise<Buffer[]> {
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
