import type { Collection, MongoClient } from 'mongodb';
import { now } from '../measure/statistics';
import { document } from './workload';

export const PACED = 'paced';
export const COUNTERS = 'counters';

export interface Pace {
  readonly databases: readonly string[];
  /** In all, spread evenly over the databases. */
  readonly perSecond: number;
  /** Left out: until it is told to stop. */
  readonly seconds?: number;
  /** Beginning of the keys. */
  readonly prefix: string;
  /** So many counters are counted up beside, one with each insert. */
  readonly counters?: number;
}

/** Above this, several writes of a moment to a collection are sent as one command. */
const TICK_MS = 5;

/** Inserts rows that carry the time of their writing at a steady pace; answers how many. */
export async function writeSteadily(client: MongoClient, pace: Pace, stopped: AbortSignal): Promise<number> {
  const { databases, perSecond, prefix, seconds = Infinity, counters = 0 } = pace;
  const total = Math.round(perSecond * seconds);
  const pending = new Set<Promise<unknown>>();
  const send = (write: Promise<unknown>): void => {
    const settled = write.finally(() => pending.delete(settled));
    pending.add(settled);
  };
  const started = now();
  let written = 0;
  while (written < total && !stopped.aborted) {
    const due = Math.min(total, Math.floor(((now() - started) / 1000) * perSecond) + 1);
    const byDatabase = new Map<string, number[]>();
    for (; written < due; written += 1) {
      const database = databases[written % databases.length] as string;
      byDatabase.set(database, [...(byDatabase.get(database) ?? []), written]);
    }
    for (const [database, numbers] of byDatabase) {
      const db = client.db(database);
      send(insert(db.collection(PACED), prefix, numbers));
      if (counters > 0)
        send(
          countUp(
            db.collection(COUNTERS),
            numbers.map((i) => i % counters),
          ),
        );
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS - ((now() - started) % TICK_MS)));
  }
  await Promise.all(pending);
  return written;
}

function insert(collection: Collection, prefix: string, numbers: readonly number[]): Promise<unknown> {
  const sent = now();
  const rows = numbers.map((i) => ({ ...document(i), _id: `${prefix}-${i}` as never, sent }));
  return rows.length === 1 && rows[0] ? collection.insertOne(rows[0]) : collection.insertMany(rows, { ordered: false });
}

function countUp(collection: Collection, counters: readonly number[]): Promise<unknown> {
  const updates = counters.map((counter) => ({
    filter: { _id: counter as never },
    update: { $inc: { n: 1 } },
    upsert: true,
  }));
  return collection.bulkWrite(
    updates.map((updateOne) => ({ updateOne })),
    { ordered: false },
  );
}
