import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb';

/** 300-byte documents; 70 % inserts, 25 % updates, 5 % deletes of earlier keys. The same for every contender. */
const CHUNK = 1000;

/** A small deterministic generator, so that every contender gets the same changes. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const document = (id: number): Document => ({
  _id: id,
  customer: `customer-${id % 5000}`,
  status: 'placed',
  total: id * 1.5,
  at: new Date(1_700_000_000_000 + id),
  note: 'x'.repeat(180),
  lines: [{ sku: `sku-${id % 900}`, quantity: id % 7 }],
});

/** Writes `changes` changes between a `begin` and an `end` marker; keys start at `from`. */
export async function writeChanges(collection: Collection, changes: number, from: number): Promise<void> {
  const next = random(from + 1);
  let inserted = from;
  const live: number[] = [];
  await collection.insertOne({ _id: `begin-${from}` as never });
  for (let done = 0; done < changes; done += CHUNK) {
    const operations: AnyBulkWriteOperation[] = [];
    for (let i = 0; i < Math.min(CHUNK, changes - done); i += 1) {
      const pick = next();
      const known = live.length > 100 ? Math.floor(next() * live.length) : -1;
      if (known < 0 || pick < 0.7) {
        operations.push({ insertOne: { document: document(inserted) } });
        live.push(inserted);
        inserted += 1;
      } else if (pick < 0.95) {
        const update = { $set: { status: 'paid', total: Math.floor(next() * 1e6) } };
        operations.push({ updateOne: { filter: { _id: live[known] as never }, update } });
      } else {
        operations.push({ deleteOne: { filter: { _id: live[known] as never } } });
        live[known] = live[live.length - 1] as number;
        live.pop();
      }
    }
    await collection.bulkWrite(operations, { ordered: true });
  }
  await collection.insertOne({ _id: `end-${from}` as never });
}

/** Inserts at a steady pace and resolves with the keys' send times. */
export async function writeSteadily(
  collection: Collection,
  perSecond: number,
  seconds: number,
  prefix: string,
): Promise<Map<string, number>> {
  const sent = new Map<string, number>();
  const total = perSecond * seconds;
  const started = performance.now();
  const pending: Promise<unknown>[] = [];
  for (let i = 0; i < total; i += 1) {
    const due = started + (i * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const id = `${prefix}-${i}`;
    sent.set(id, performance.now());
    pending.push(collection.insertOne({ ...document(i), _id: id as never }));
  }
  await Promise.all(pending);
  return sent;
}
