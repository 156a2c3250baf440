import { setTimeout as delay } from 'node:timers/promises';
import type { AnyBulkWriteOperation, Collection, Db } from 'mongodb';

interface Row {
  readonly _id: number;
  readonly n: number;
  readonly [field: string]: unknown;
}

const KEYS = 40;
const STATEMENTS = 10;
const PACE_MS = 15;

/** A client that writes all the time: every row's `n` only ever grows, whatever else happens to it. */
export class Traffic implements AsyncDisposable {
  readonly #rows: Collection<Row>;
  #running = true;
  #writing: Promise<void>;
  /** Statements sent so far. */
  written = 0;

  constructor(db: Db) {
    this.#rows = db.collection<Row>('traffic');
    this.#writing = this.#write();
  }

  /** Resolves when all that was sent has been acknowledged. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#running) {
      const statements: AnyBulkWriteOperation<Row>[] = [];
      for (let i = 0; i < STATEMENTS; i += 1) statements.push(this.#statement((this.written += 1)));
      await this.#rows.bulkWrite(statements);
      // Steady, and no more than leaves the machine to what is tested.
      await delay(PACE_MS);
    }
  }

  #statement(n: number): AnyBulkWriteOperation<Row> {
    const filter = { _id: n % KEYS };
    if (n % 7 === 0) return { replaceOne: { filter, replacement: { n, replaced: true }, upsert: true } };
    return { updateOne: { filter, update: { $set: { n, [`field${n % 5}`]: n } }, upsert: true } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }
}
