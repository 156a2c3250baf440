import type { Collection } from 'mongodb';

/** More than lanes: the last change of a key says nothing about those of others, so every lane gets one with certainty. */
const MARKERS = 16;

const markers = (name: string): string[] => Array.from({ length: MARKERS }, (_, i) => `${name}-${i}`);

/** Written after everything else of a workload. */
export async function mark(collection: Collection, name: string): Promise<void> {
  await collection.insertMany(markers(name).map((id) => ({ _id: id as never })));
}

const TROUBLE_EVERY_MS = 5_000;

/** Waits until all markers of a name are there; fails when the stream that brings them has ended. */
export async function marked(
  collection: Collection,
  name: string,
  timeoutMs: number,
  trouble: () => Promise<string | null>,
): Promise<void> {
  const filter = { _id: { $in: markers(name) as never[] } };
  const started = performance.now();
  let asked = started;
  while ((await collection.countDocuments(filter)) < MARKERS) {
    const waitedMs = performance.now() - started;
    if (waitedMs > timeoutMs) throw new Error(`${name} did not arrive within ${timeoutMs / 1000} s`);
    if (performance.now() - asked > TROUBLE_EVERY_MS) {
      asked = performance.now();
      const why = await trouble();
      if (why !== null) throw new Error(why);
    }
    // Exact to 1 %; asking more often would take from what is measured.
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, Math.max(5, waitedMs / 100))));
  }
}
