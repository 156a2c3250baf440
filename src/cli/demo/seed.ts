import type { Db } from 'mongodb';
import type { Random } from './random';
import { type Collection, MAKERS, SIZES } from './shop';

const BATCH = 2_000;

/** Fills the shop; the same in every run. */
export async function seed(db: Db, random: Random, signal: AbortSignal): Promise<number> {
  let total = 0;
  for (const [name, size] of Object.entries(SIZES) as [Collection, number][]) {
    for (let from = 0; from < size; from += BATCH) {
      signal.throwIfAborted();
      const rows = Array.from({ length: Math.min(BATCH, size - from) }, (_, i) => MAKERS[name](from + i, random));
      await db.collection(name).insertMany(rows, { ordered: false });
      total += rows.length;
    }
  }
  await db.collection('orders').createIndex({ customer: 1, placed: -1 });
  await db.collection('customers').createIndex({ email: 1 }, { unique: true }, {});
  return total;
}
