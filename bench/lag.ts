import type { Contender } from './contender';
import { quantile } from './statistics';
import { writeSteadily } from './workload';

export interface Lag {
  readonly p50: number;
  readonly p99: number;
}

/** From the call of the write at the source to its event in a change stream of the target, in ms. */
export async function measureLag(
  contender: Contender,
  perSecond: number,
  seconds: number,
  prefix: string,
): Promise<Lag> {
  const seen = new Map<string, number>();
  const watch = contender.target.watch([{ $match: { 'ns.coll': 'lag' } }], { maxAwaitTimeMS: 50, batchSize: 1000 });
  await watch.tryNext();
  const done = new AbortController();
  const watching = (async () => {
    while (!done.signal.aborted) {
      const event = await watch.tryNext();
      if (event?.operationType === 'insert' || event?.operationType === 'replace') {
        const id = String(event.documentKey._id);
        if (!seen.has(id)) seen.set(id, performance.now());
      }
    }
  })();
  // The first second warms up and is not counted.
  const sent = await writeSteadily(contender.source.collection('lag'), perSecond, seconds + 1, prefix);
  const deadline = performance.now() + 20_000;
  while (seen.size < sent.size && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  done.abort();
  await watching;
  await watch.close();
  if (seen.size < sent.size) throw new Error(`${contender.name}: ${sent.size - seen.size} writes did not arrive`);
  const lags = [...sent].slice(perSecond).map(([id, at]) => (seen.get(id) as number) - at);
  return { p50: quantile(lags, 0.5), p99: quantile(lags, 0.99) };
}
