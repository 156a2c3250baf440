import { ReadConcern, type ClientSession, type Collection, type MongoClient } from 'mongodb';
import type { Page, RecordOp, StateRecord, StateStore } from '../../../core/ports/state-store';
import { abortable } from '../../../core/async/abortable';
import { inParallel } from '../../../core/async/in-parallel';
import { codeOf } from '../errors';
import {
  documentOf,
  readRecord,
  statementsOf,
  updateOf,
  type StateCollection,
  type StateDocument,
} from './state-document';
import { fenceSlot } from './state-fence';
import { classified } from './translate-errors';

const DUPLICATE = 11000;
const LINEARIZABLE = new ReadConcern('linearizable');
/** A read that no majority confirms waits for one; without a limit it would for as long as the servers are apart. */
const READ_MS = 10_000;

/** Records in one collection, each of them durable on a majority once its write is answered. */
export class MongodbStateStore implements StateStore, StateCollection {
  /** A document has 16 MB. */
  readonly limits = { valueBytes: 2 * 1024 * 1024, bodyBytes: 13 * 1024 * 1024 };
  readonly records: Collection<StateDocument>;
  #made: Promise<void> | null = null;

  constructor(
    readonly client: MongoClient,
    private readonly database: string,
    private readonly collection = 'state',
  ) {
    this.records = client
      .db(database, { writeConcern: { w: 'majority', journal: true }, readPreference: 'primary' })
      .collection(collection);
  }

  /** The collection has to be there before a transaction writes to it. */
  ready(signal: AbortSignal): Promise<void> {
    this.#made ??= this.#make(signal).catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  async #make(signal: AbortSignal): Promise<void> {
    const create = { create: this.collection, writeConcern: { w: 'majority' as const } };
    await this.client
      .db(this.database)
      .command(create, { signal })
      .catch((error: unknown) => {
        if (codeOf(error) !== 48) throw error;
      });
  }

  get(keys: readonly string[], signal: AbortSignal): Promise<readonly (StateRecord | null)[]> {
    const options = { readConcern: LINEARIZABLE, maxTimeMS: READ_MS, signal };
    return classified(() =>
      // Each by itself: only a read of one document by its `_id` is linearizable.
      inParallel(keys, async (_id) => {
        const found = await this.records.findOne({ _id }, options);
        return found && readRecord(found);
      }),
    );
  }

  scan(prefix: string, { after, limit }: Page, signal: AbortSignal): Promise<readonly StateRecord[]> {
    return classified(async () => {
      // Keys are ASCII; the last character of it stands in none of them.
      const _id = { ...(after === null ? { $gte: prefix } : { $gt: after }), $lt: `${prefix}\u007f` };
      const options = { projection: { body: 0 }, sort: { _id: 1 }, limit, signal } as const;
      return (await this.records.find({ _id }, options).toArray()).map(readRecord);
    });
  }

  write(op: RecordOp, signal: AbortSignal): Promise<'written' | 'stale'> {
    return classified(async () => {
      await this.ready(signal);
      return (await abortable(this.#write(op, signal), signal)) ? 'written' : 'stale';
    });
  }

  async #write(op: RecordOp, signal: AbortSignal): Promise<boolean> {
    if (op.expect === 'any') throw new RangeError('`any` stands only inside a step');
    if (op.op === 'put') {
      if (op.expect === 'absent') return this.#insert(op.next);
      const { epoch, sequence } = op.expect;
      const filter = { _id: op.next.key, epoch, sequence };
      return (await this.records.updateOne(filter, updateOf(op.next))).matchedCount === 1;
    }
    const { epoch, sequence } = op.expect;
    if ((await this.records.deleteOne({ _id: op.key, epoch, sequence })).deletedCount === 1) return true;
    return (await this.get([op.key], signal))[0] === null;
  }

  async #insert(record: StateRecord): Promise<boolean> {
    try {
      await this.records.insertOne(documentOf(record));
      return true;
    } catch (error) {
      if (codeOf(error) === DUPLICATE) return false;
      throw error;
    }
  }

  request(record: StateRecord, signal: AbortSignal): Promise<void> {
    return classified(async () => {
      await this.ready(signal);
      await abortable(this.#insert(record), signal);
    });
  }

  fence(slot: string, epoch: number, signal: AbortSignal): Promise<StateRecord | null> {
    return classified(async () => {
      await this.ready(signal);
      const found = await fenceSlot(this, slot, epoch, signal);
      return found && readRecord(found);
    });
  }

  /** Writes records inside a transaction; false where one of them is not as expected, and it has to be rolled back. */
  async writeAll(ops: readonly RecordOp[], session: ClientSession, signal: AbortSignal): Promise<boolean> {
    const db = this.client.db(this.database);
    const { updates, inserts, deletes } = statementsOf(ops);
    if (updates.length > 0) {
      const reply = await db.command({ update: this.collection, updates }, { session, signal });
      if (reply['n'] !== updates.length) return false;
    }
    if (deletes.length > 0) {
      const reply = await db.command({ delete: this.collection, deletes }, { session, signal });
      if (reply['n'] !== deletes.length && (await this.#anyOf(deletes, session))) return false;
    }
    if (inserts.length === 0) return true;
    const reply = await db.command({ insert: this.collection, documents: inserts }, { session, signal });
    return reply['n'] === inserts.length;
  }

  async #anyOf(deletes: readonly { readonly q: { readonly _id: string } }[], session: ClientSession): Promise<boolean> {
    const ids = deletes.map(({ q }) => q._id);
    return (await this.records.findOne({ _id: { $in: ids } }, { session, projection: { _id: 1 } })) !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The client is the destination's.
  }
}
