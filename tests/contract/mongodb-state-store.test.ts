import * as os from 'node:os';
import { ClientSession, MongoClient, MongoServerError } from 'mongodb';
import { SlotSession } from '../../src/connectors/mongodb/destination/state-steps';
import { MongodbStateStore } from '../../src/connectors/mongodb/destination/state-store';
import { Condition } from '../../src/core/async/condition';
import { systemClock } from '../../src/host/clock';
import type { RecordOp, StateRecord } from '../../src/core/ports/state-store';
import { sharedMongo, uniqueName } from '../support/servers';
import { describeStateStore, type OpenStep, type StateStoreFixture } from './state-store-suite';

const never = new AbortController().signal;

afterEach(() => jest.restoreAllMocks());

/** The next commit takes effect, and its answer says that it has to be tried again: what a change of primary in that moment does. */
function loseNextCommit(): jest.SpyInstance {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the session below
  const real = ClientSession.prototype.commitTransaction;
  let isLost = false;
  return jest.spyOn(ClientSession.prototype, 'commitTransaction').mockImplementation(async function (
    this: ClientSession,
  ) {
    await real.call(this);
    if (isLost) return;
    isLost = true;
    throw new MongoServerError({ code: 251, errorLabels: ['TransientTransactionError'] });
  });
}

class Fixture implements StateStoreFixture {
  readonly #database = uniqueName('state');
  /** One for each slot and epoch: the numbers of its transactions must not begin anew. */
  readonly #sessions = new Map<string, SlotSession>();

  private constructor(private readonly client: MongoClient) {}

  static async on(uri: string): Promise<Fixture> {
    return new Fixture(await new MongoClient(uri, { runtimeAdapters: { os } }).connect());
  }

  open(): MongodbStateStore {
    return new MongodbStateStore(this.client, this.#database);
  }

  /** The transaction is open, with its records written, until it may commit. */
  async begin(slot: StateRecord, epoch: number, ops: readonly RecordOp[]): Promise<OpenStep> {
    const name = `${slot.key} ${epoch}`;
    const session = this.#sessions.get(name) ?? new SlotSession(this.open(), slot, epoch);
    this.#sessions.set(name, session);
    const moved = new Condition(systemClock);
    let isOpen = false;
    let mayCommit = false;
    const written = session
      .run(
        { before: ops, after: [] },
        async () => {
          isOpen = true;
          moved.notify();
          await moved.until(() => mayCommit);
        },
        never,
      )
      .finally(() => {
        isOpen = true;
        moved.notify();
      });
    written.catch(() => undefined);
    await moved.until(() => isOpen);
    return {
      commit: () => {
        mayCommit = true;
        moved.notify();
        return written;
      },
    };
  }

  loseNextFence(): Promise<() => Promise<void>> {
    const commits = loseNextCommit();
    return Promise.resolve(() => {
      expect(commits.mock.calls.length).toBeGreaterThan(1);
      return Promise.resolve();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions.values()) session.close();
    await this.client.db(this.#database).dropDatabase();
    await this.client.close();
  }
}

describeStateStore('mongodb', () => Fixture.on(sharedMongo('destination')));
