import type { MongoClient, ReadPreference } from 'mongodb';
import { idDocument, keyOf } from '../../bson/key';
import { splitNamespace } from '../../replication/namespace';
import type { Range, SourceNamespace } from '../../replication/source';
import { ask } from './deployment';

/** Smaller ranges cost more than they save: each is a query, a loader's record and a restart point. */
const ROWS_PER_RANGE = 2_000;
const SAMPLES_PER_RANGE = 20;

/** Cuts by a sample of the keys, in the server's own order over all types. */
export async function cutRanges(
  client: MongoClient,
  readPreference: ReadPreference,
  source: SourceNamespace,
  count: number,
  signal: AbortSignal,
): Promise<readonly Range[]> {
  const wanted = source.wholeOrder ? 1 : Math.min(count, Math.ceil(source.estimatedRows / ROWS_PER_RANGE));
  const bounds = wanted > 1 ? await sampleBounds(client, readPreference, source, wanted, signal) : [];
  const estimatedRows = Math.ceil(source.estimatedRows / (bounds.length + 1));
  return [null, ...bounds].map((from, index) => ({ from, to: bounds[index] ?? null, estimatedRows }));
}

async function sampleBounds(
  client: MongoClient,
  readPreference: ReadPreference,
  source: SourceNamespace,
  wanted: number,
  signal: AbortSignal,
): Promise<Buffer[]> {
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
