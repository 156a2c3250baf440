import { randomBytes } from 'node:crypto';
import type { Collection, Document } from 'mongodb';
import { mark } from './markers';
import { document } from './workload';

export interface Fill {
  readonly rows: number;
  /** Of each row; rows as in the other workloads when left out. */
  readonly bytes?: number;
  readonly from?: number;
  /** Rows between markers, as changes are. */
  readonly marked?: boolean;
}

const CHUNK = 5_000;
const CHUNK_BYTES = 8_000_000;
const PARALLEL = 4;

/** Inserts rows with the keys `from`, `from + 1`, … */
export async function fill(collection: Collection, { rows, bytes, from = 0, marked = false }: Fill): Promise<void> {
  const chunk = bytes === undefined ? CHUNK : Math.max(1, Math.floor(CHUNK_BYTES / bytes));
  // Different in each row only in what costs nothing to make.
  const body = bytes === undefined ? undefined : randomBytes(bytes);
  const row = (id: number): Document => (body === undefined ? document(id) : { _id: id, body });
  if (marked) await mark(collection, `begin-${from}`);
  let next = from;
  const loop = async (): Promise<void> => {
    while (next < from + rows) {
      const first = next;
      next = Math.min(from + rows, first + chunk);
      await collection.insertMany(
        Array.from({ length: next - first }, (_, i) => row(first + i)),
        { ordered: false },
      );
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, loop));
  if (marked) await mark(collection, `end-${from}`);
}
