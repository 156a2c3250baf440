import type { MongoClient } from 'mongodb';
import { belongsTo } from '../../src/destinations/mongodb/records';

/**
 * Takes what a stream keeps beside its data out of a shared server. An embedded one reads a whole collection for a
 * range of ids, as every claim does: with the records of all streams of a run each test would be slower than the last.
 */
export async function forgetRecords(client: MongoClient, stream: string): Promise<void> {
  const database = client.db('tributary');
  const own = { $or: [{ _id: stream }, belongsTo(stream), { stream }] } as object;
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray())
    await database.collection(name).deleteMany(own);
}
