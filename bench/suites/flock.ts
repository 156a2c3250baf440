import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../lab/scope';
import { PACED } from '../load/pace';
import type { Arrival } from '../measure/arrivals';

/** Streams that are started at a time. */
const AT_A_TIME = 8;

/** Many streams, each with a database of its own that holds one collection. */
export class Flock {
  readonly databases: string[] = [];
  readonly #scope: Scope;
  readonly #queue: string;

  constructor(scope: Scope, queue: string) {
    this.#scope = scope;
    this.#queue = queue;
  }

  /** Starts streams until there are `count`; resolves when all of them follow changes, with the seconds that it took. */
  async growTo(count: number): Promise<number> {
    const started = performance.now();
    const missing = Array.from({ length: count - this.databases.length }, () => this.#scope.unique('stream'));
    this.databases.push(...missing);
    const start = async (): Promise<void> => {
      for (let database = missing.pop(); database !== undefined; database = missing.pop()) {
        await this.#scope.servers.source.db(database).createCollection(PACED);
        const stream = await this.#scope.start({ id: database, queue: this.#queue, database });
        await stream.replicating(500);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, start));
    return (performance.now() - started) / 1000;
  }
}

/** Processor time of a process over so many seconds in which nothing is asked of it; in % of a core. */
export async function cpuShare(cpuSeconds: () => number, seconds: number): Promise<number> {
  const before = cpuSeconds();
  const started = performance.now();
  await sleep(seconds * 1000);
  return ((cpuSeconds() - before) / ((performance.now() - started) / 1000)) * 100;
}

/** When each database had its first arrival of a row that was sent after `since`, in ms after it. */
export function firstAfter(arrivals: readonly Arrival[], since: number): Map<string, number> {
  const first = new Map<string, number>();
  for (const { database, sent, at } of arrivals) {
    if (sent >= since && !first.has(database)) first.set(database, at - since);
  }
  return first;
}
