import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb';
import { mark } from './markers';
import { random } from './random';

/** `mix`: keys that come and go; `hot`: 90 % of the changes go to 100 keys. */
export type Kind = 'mix' | 'hot';

export interface Workload {
  readonly kind: Kind;
  readonly changes: number;
  /** New keys start here; also names the markers `begin-<from>` and `end-<from>`. */
  readonly from: number;
}

const CHUNK = 1000;
const HOT_KEYS = 100;
const HOT_SHARE = 0.9;

/** About 300 bytes encoded. */
export const document = (id: number): Document => ({
  _id: id,
  customer: `customer-${id % 5000}`,
  status: 'placed',
  total: id * 1.5,
  at: new Date(1_700_000_000_000 + id),
  note: 'x'.repeat(152),
  lines: [{ sku: `sku-${id % 900}`, quantity: id % 7 }],
});

/**
 * Writes the changes between their markers, as fast as the server takes them. Unordered, so that the driver sends one
 * command for each kind (inserts, then updates, then deletes) and not one for each run of a kind, of two changes on average.
 */
export async function writeChanges(collection: Collection, { kind, changes, from }: Workload): Promise<void> {
  const next = random(from + 1);
  const mixed = mixedOperations(next, from);
  const hot = hotOperations(next);
  await mark(collection, `begin-${from}`);
  for (let done = 0; done < changes; done += CHUNK) {
    const operations = Array.from({ length: Math.min(CHUNK, changes - done) }, () =>
      kind === 'hot' && next() < HOT_SHARE ? hot() : mixed(),
    );
    await collection.bulkWrite(operations, { ordered: false });
  }
  await mark(collection, `end-${from}`);
}

const paid = (next: () => number): Document => ({ $set: { status: 'paid', total: Math.floor(next() * 1e6) } });

/** 70 % inserts, 25 % updates, 5 % deletes of earlier keys. */
function mixedOperations(next: () => number, from: number): () => AnyBulkWriteOperation {
  let inserted = from;
  const live: number[] = [];
  return () => {
    const pick = next();
    const known = live.length > HOT_KEYS ? Math.floor(next() * live.length) : -1;
    if (known < 0 || pick < 0.7) {
      live.push(inserted);
      return { insertOne: { document: document(inserted++) } };
    }
    const filter = { _id: live[known] as never };
    if (pick < 0.95) return { updateOne: { filter, update: paid(next) } };
    live[known] = live[live.length - 1] as number;
    live.pop();
    return { deleteOne: { filter } };
  };
}

/** The same shares over few keys: what is not there is inserted by the replace or the update. */
function hotOperations(next: () => number): () => AnyBulkWriteOperation {
  return () => {
    const id = -1 - Math.floor(next() * HOT_KEYS);
    const filter = { _id: id as never };
    const pick = next();
    if (pick < 0.7) return { replaceOne: { filter, replacement: { ...document(id), total: next() }, upsert: true } };
    if (pick < 0.95) return { updateOne: { filter, update: paid(next), upsert: true } };
    return { deleteOne: { filter } };
  };
}
