/**
 * What a copy is compared with: four ranges at a time, rows that stay encoded, the next batch read while one is
 * inserted, unordered inserts with majority. No start position, no fence, no record of how far it got.
 */
import { MongoClient, type Collection } from 'mongodb';
import { encodedDocuments } from '../../src/connectors/mongodb/driver/internals';
import { serve } from './serve';

const BATCH = 1000;
const PARALLEL = 4;
/** More ranges than loops, so that none waits long for the slowest one. */
const RANGES = 16;

export interface CopyTask {
  readonly source: string;
  readonly target: string;
  readonly database: string;
  readonly collection: string;
  readonly into: string;
  /** Keys are the integers below it. */
  readonly rows: number;
}

async function copy({ source, target, database, collection, into, rows }: CopyTask): Promise<number> {
  await using from = await new MongoClient(source).connect();
  await using to = await new MongoClient(target, { writeConcern: { w: 'majority' } }).connect();
  const bounds = Array.from({ length: RANGES }, (_, i) => Math.floor((i * rows) / RANGES));
  let copied = 0;
  const loop = async (): Promise<void> => {
    for (let low = bounds.shift(); low !== undefined; low = bounds.shift()) {
      const high = bounds[0] ?? rows;
      copied += await copyRange(from.db(database).collection(collection), to.db(into), low, high);
    }
  };
  await to.db(into).createCollection(collection);
  await Promise.all(Array.from({ length: PARALLEL }, loop));
  return copied;
}

async function copyRange(
  from: Collection,
  to: ReturnType<MongoClient['db']>,
  low: number,
  high: number,
): Promise<number> {
  const cursor = from.find(
    { _id: { $gte: low, $lt: high } as never },
    { raw: true, batchSize: BATCH, sort: { _id: 1 } },
  );
  const read = async (): Promise<Buffer[]> => {
    const first = (await cursor.next()) as Buffer | null;
    return first === null ? [] : [first, ...(cursor.readBufferedDocuments() as unknown as Buffer[])];
  };
  let copied = 0;
  let next = read();
  for (let rows = await next; rows.length > 0; rows = await next) {
    next = read();
    // Awaited in the next round; a failure must not count as unhandled until then.
    next.catch(() => undefined);
    const answer = await to.command({
      insert: from.collectionName,
      documents: encodedDocuments('documents', rows),
      ordered: false,
      writeConcern: { w: 'majority' },
    });
    copied += Number(answer['n']);
  }
  return copied;
}

serve({ copy });
