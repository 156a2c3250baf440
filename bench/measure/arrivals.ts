import type { Db, Document, MongoClient } from 'mongodb';
import { COUNTERS, PACED } from '../load/pace';
import { now } from './statistics';

export interface Arrival {
  readonly database: string;
  readonly id: string;
  /** When its write was sent, and when its event was seen at the target; in ms of one clock. */
  readonly sent: number;
  readonly at: number;
}

interface Seen extends Document {
  readonly operationType: string;
  readonly ns: { readonly db: string; readonly coll: string };
  readonly documentKey: { readonly _id: unknown };
  readonly fullDocument?: { readonly sent?: number; readonly n?: number };
  readonly updateDescription?: { readonly updatedFields?: { readonly n?: number } };
}

/** Watches rows that were written at a steady pace come out at the target. */
export class Arrivals implements AsyncDisposable {
  /** The first arrival of each row. */
  readonly all: Arrival[] = [];
  /** Changes that arrived a second time: the same row again, or a counter that stands where it stood before. */
  redelivered = 0;
  readonly #seen = new Set<string>();
  readonly #done = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  /** Sees everything that arrives from now on. */
  static async watch(at: Db | MongoClient): Promise<Arrivals> {
    const arrivals = new Arrivals();
    const stream = at.watch([{ $match: { 'ns.coll': { $in: [PACED, COUNTERS] } } }], {
      maxAwaitTimeMS: 50,
      batchSize: 1000,
    });
    let event = await stream.tryNext();
    arrivals.#watching = (async () => {
      while (!arrivals.#done.signal.aborted) {
        if (event) arrivals.#take(event as unknown as Seen);
        event = await stream.tryNext();
      }
      await stream.close();
    })();
    // Awaited at the end; a failure must not count as unhandled until then.
    arrivals.#watching.catch(() => undefined);
    return arrivals;
  }

  /** Waits until as many rows have arrived, or the time is over; answers whether they have. */
  async reached(count: number, timeoutMs: number): Promise<boolean> {
    return this.until(() => this.all.length >= count, timeoutMs);
  }

  /** Waits for the first one, of those from now on, that is as asked. */
  async first(asked: (arrival: Arrival) => boolean, timeoutMs: number): Promise<Arrival | undefined> {
    let next = this.all.length;
    let found: Arrival | undefined;
    // Each is looked at once: what polls shares its processor with what is measured.
    const look = (): boolean => {
      while (found === undefined && next < this.all.length) {
        const arrival = this.all[next++] as Arrival;
        if (asked(arrival)) found = arrival;
      }
      return found !== undefined;
    };
    await this.until(look, timeoutMs);
    return found;
  }

  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!holds()) {
      if (performance.now() > deadline) return false;
      await Promise.race([this.#watching, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    return true;
  }

  #take({ operationType, ns, documentKey, fullDocument, updateDescription }: Seen): void {
    if (operationType === 'delete') return;
    const paced = ns.coll === PACED;
    const count = fullDocument?.n ?? updateDescription?.updatedFields?.n;
    const id = `${ns.db} ${ns.coll} ${String(documentKey._id)}${paced ? '' : ` ${count ?? ''}`}`;
    if (this.#seen.has(id)) {
      this.redelivered += 1;
      return;
    }
    this.#seen.add(id);
    const sent = fullDocument?.sent;
    if (paced && sent !== undefined) {
      this.all.push({ database: ns.db, id: String(documentKey._id), sent, at: now() });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#done.abort();
    await this.#watching;
  }
}
