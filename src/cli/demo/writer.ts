import { setTimeout as delay } from 'node:timers/promises';
import { type AnyBulkWriteOperation, type Db, Int32, Long } from 'mongodb';
import { reasonOf } from '../../servers/errors';
import { Random } from './random';
import { order, SIZES, STATES } from './shop';

export interface Written {
  inserts: number;
  updates: number;
  deletes: number;
}

const EVERY_MS = 100;
const PER_ROUND = { inserts: 5, updates: 6, stock: 2, deletes: 2 };

/** A shop that is open: orders come in, move on, and some are taken back. */
export class Writer {
  readonly written: Written = { inserts: 0, updates: 0, deletes: 0 };
  readonly #db: Db;
  readonly #say: (line: string) => void;
  readonly #random = new Random(7);
  #stop = new AbortController();
  #next: number = SIZES.orders;
  #oldest = 0;
  #running: Promise<void> | undefined;

  /** Told: that the source takes no writes, and that it does again. */
  constructor(db: Db, say: (line: string) => void) {
    this.#db = db;
    this.#say = say;
  }

  /** Again, too, after a stop. */
  start(): void {
    this.#stop = new AbortController();
    this.#running = this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failing = false;
    while (!signal.aborted) {
      try {
        await this.#round();
        if (failing) this.#say('the shop writes again');
        failing = false;
      } catch (error) {
        if (!failing) this.#say(`the shop cannot write to the source, and tries again: ${reasonOf(error)}`);
        failing = true;
      }
      await delay(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const random = this.#random;
    const times = (count: number, make: () => AnyBulkWriteOperation): AnyBulkWriteOperation[] =>
      Array.from({ length: count }, make);
    const orders = await this.#db.collection('orders').bulkWrite([
      ...times(PER_ROUND.inserts, () => ({ insertOne: { document: order(this.#next++, random) } })),
      ...times(PER_ROUND.updates, () => ({
        updateOne: {
          filter: { _id: this.#anOrder() },
          update: { $set: { state: random.pick(STATES), changed: new Date() }, $inc: { revision: 1 } },
        },
      })),
      ...times(PER_ROUND.deletes, () => ({
        deleteOne: { filter: { _id: Long.fromNumber(1_000_000 + this.#oldest++) } },
      })),
    ]);
    const products = await this.#db.collection('products').bulkWrite(
      times(PER_ROUND.stock, () => ({
        updateOne: {
          filter: { _id: `sku-${String(random.below(SIZES.products)).padStart(5, '0')}` as never },
          update: {
            $inc: { stock: new Int32(-1) },
            $set: { [`sold.${random.pick(['web', 'app', 'store'])}`]: new Date() },
          },
        },
      })),
    );
    this.written.inserts += orders.insertedCount;
    this.written.updates += orders.modifiedCount + products.modifiedCount;
    this.written.deletes += orders.deletedCount;
  }

  #anOrder(): Long {
    return Long.fromNumber(1_000_000 + this.#oldest + this.#random.below(this.#next - this.#oldest));
  }
}
