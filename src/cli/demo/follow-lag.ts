import { setTimeout as delay } from 'node:timers/promises';
import { type Db, Long } from 'mongodb';

export interface FollowLag {
  readonly orders: number;
  readonly medianMs: number;
}

const POLL_MS = 5;
const PAUSE_MS = 100;
const FIRST_ID = 5_000_000;

/** How long new orders take from the answer of the source until the destination has them: seen from outside, order by order. */
export async function followLag(
  { source, target }: { readonly source: Db; readonly target: Db },
  forMs: number,
  signal: AbortSignal,
): Promise<FollowLag> {
  const took: number[] = [];
  for (const until = Date.now() + forMs; Date.now() < until || took.length === 0;) {
    const _id = Long.fromNumber(FIRST_ID + took.length);
    await source.collection<{ _id: Long }>('orders').insertOne({ _id });
    const written = performance.now();
    while ((await target.collection<{ _id: Long }>('orders').countDocuments({ _id })) === 0) {
      await delay(POLL_MS, undefined, { signal });
    }
    took.push(performance.now() - written);
    await delay(PAUSE_MS, undefined, { signal });
  }
  took.sort((a, b) => a - b);
  return { orders: took.length, medianMs: Math.round(took[Math.floor(took.length / 2)] ?? 0) };
}
