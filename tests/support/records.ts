import type { MongoClient } from 'mongodb';
import { belongsTo, type LaneDocument } from '../../src/destinations/mongodb/records';

/**
 * Takes what a stream keeps beside its data out of a shared server. An embedded one reads a whole collection for a
 * range of ids, as every claim does: with the records of all streams of a run each test would be slower than the last.
 *
 * What a killed worker left open is aborted first, as the next claim would: the servers keep it for a minute or for
 * good, and whatever it has touched can be neither deleted nor dropped until then.
 */
export async function forgetRecords(client: MongoClient, stream: string): Promise<void> {
  const database = client.db('tributary');
  const own = { $or: [{ _id: stream }, belongsTo(stream), { stream }] } as object;
  const writers = await database
    .collection<LaneDocument>('ledger')
    .find(own, { projection: { session: 1 } })
    .toArray();
  const sessions = writers.map(({ session }) => ({ id: session }));
  if (sessions.length > 0) await client.db('admin').command({ killSessions: sessions });
  for (const { name } of await database.listCollections({}, { nameOnly: true }).toArray())
    await database.collection(name).deleteMany(own);
}
