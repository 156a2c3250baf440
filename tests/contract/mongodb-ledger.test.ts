import * as os from 'node:os';
import { MongoClient, type AnyBulkWriteOperation, type Db } from 'mongodb';
import { SlotSession } from '../../src/connectors/mongodb/destination/state-steps';
import { MongodbStateStore } from '../../src/connectors/mongodb/destination/state-store';
import type { StateRecord } from '../../src/core/ports/state-store';
import type { Load, Outcome, Part, Step, UnitOfWork, Writer } from '../../src/core/ports/writer';
import { sharedMongo, uniqueName } from '../support/servers';
import { describeLedger } from './ledger-suite';

interface Row {
  readonly _id: string;
  readonly text: string;
}

const upsert = (id: string, text: string): AnyBulkWriteOperation<Row> => ({
  replaceOne: { filter: { _id: id }, replacement: { text }, upsert: true },
});

/** Full rows as text, in transactions on the session of a slot: as little of a writer as the ledger needs. */
class TextWriter implements Writer {
  readonly traits: Writer['traits'] = {
    atomic: 'step',
    idempotence: 'key',
    patches: 'none',
    ddl: 'intent',
    unique: 'none',
    keeps: 'latest',
    keyless: false,
  };
  readonly limits = { changes: 100, bytes: 100_000, records: 100 };

  constructor(
    private readonly store: MongodbStateStore,
    private readonly db: Db,
  ) {}

  open(slot: StateRecord, epoch: number): Promise<UnitOfWork> {
    const session = new SlotSession(this.store, slot, epoch);
    return Promise.resolve({
      commit: async ({ fences, before, rows, after }: Step, signal: AbortSignal): Promise<Outcome> => {
        const type = await session.run(
          { before: [...fences, ...before], after },
          async (transaction) => {
            for (const each of rows) {
              const { namespace, writes } = writesOf(each);
              await this.db.collection<Row>(namespace).bulkWrite(writes, { session: transaction });
            }
          },
          signal,
        );
        return { type };
      },
      [Symbol.asyncDispose]: () => {
        session.close();
        return Promise.resolve();
      },
    });
  }

  async clear(namespace: string): Promise<void> {
    await this.db.collection(namespace).deleteMany({});
  }
}

function writesOf(rows: Part | Load): { readonly namespace: string; readonly writes: AnyBulkWriteOperation<Row>[] } {
  if (rows.type === 'load') {
    const { namespace } = rows;
    return { namespace, writes: rows.rows.rows.map((row) => upsert(row.toString(), row.toString())) };
  }
  const writes = rows.changes.map((change) => upsert(change.key.id, 'row' in change ? change.row.toString() : ''));
  return { namespace: rows.changes[0]?.namespace ?? '', writes };
}

describeLedger('mongodb', async () => {
  const client = await new MongoClient(sharedMongo('destination'), { runtimeAdapters: { os } }).connect();
  const [state, rows] = [uniqueName('state'), client.db(uniqueName('rows'))];
  for (const name of ['shop.orders', 'a.c0']) await rows.createCollection(name);
  return {
    open: () => {
      const store = new MongodbStateStore(client, state);
      return { store, writer: new TextWriter(store, rows) };
    },
    rows: async (namespace) => {
      const found = await rows.collection<Row>(namespace).find().toArray();
      return new Map(found.map(({ _id, text }) => [_id, text]));
    },
    [Symbol.asyncDispose]: async () => {
      await rows.dropDatabase();
      await client.db(state).dropDatabase();
      await client.close();
    },
  };
});
