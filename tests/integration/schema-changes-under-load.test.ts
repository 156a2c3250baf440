import type { Db } from 'mongodb';
import { CoreStream } from '../support/core';
import { eventually } from '../support/eventually';
import { ownServers } from '../support/own-servers';

const servers = ownServers();

interface Row {
  readonly _id: number;
  readonly n: number;
}

/** A client that writes to `a` and `b` all the time, whatever becomes of them; what is gone is made anew by the next write. */
class Load implements AsyncDisposable {
  readonly #db: Db;
  #running = true;
  readonly #writing: Promise<void>;
  /** What runs between two statements. */
  #between: (() => Promise<unknown>)[] = [];
  written = 0;

  constructor(db: Db) {
    this.#db = db;
    this.#writing = this.#write();
    // The test that waits for it fails with it; without this the process would end first.
    this.#writing.catch(() => undefined);
  }

  async #write(): Promise<void> {
    for (let n = 1; this.#running; n += 1) {
      const rows = this.#db.collection<Row>(n % 3 === 0 ? 'b' : 'a');
      const statements = Array.from({ length: 8 }, (_, i) => {
        const filter = { _id: (n * 8 + i) % 50 };
        if (i === 7) return { deleteOne: { filter } };
        if (i === 6) return { replaceOne: { filter, replacement: { n, replaced: true }, upsert: true } };
        return { updateOne: { filter, update: { $set: { n, [`f${n % 5}`]: n } }, upsert: true } };
      });
      await rows.bulkWrite(statements);
      this.written += statements.length;
      for (const next of this.#between.splice(0)) await next();
    }
  }

  /**
   * Runs `change` between two statements. An embedded server keeps rows of a statement that a drop overtakes, though its
   * log has them before the drop: no stream can follow that.
   */
  async between(change: () => Promise<unknown>): Promise<void> {
    const done = new Promise((resolve, reject) => {
      this.#between.push(() => change().then(resolve, reject));
    });
    await Promise.race([done, this.#writing]);
  }

  /** Resolves when as much again has been written. */
  async more(statements = 80): Promise<void> {
    const target = this.written + statements;
    const reached = eventually(() => {
      expect(this.written).toBeGreaterThanOrEqual(target);
      return Promise.resolve();
    }, 30_000);
    await Promise.race([reached, this.#writing]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running = false;
    await this.#writing;
  }
}

/** The same while legs come and go: one that is cut off in the middle, and one after it. */
async function underLoad(change: (db: Db, round: number) => Promise<unknown>): Promise<void> {
  await using t = await CoreStream.open({ ...servers(), batchSize: 50 });
  await t.sourceDb.collection<Row>('a').insertMany(Array.from({ length: 50 }, (_, _id) => ({ _id, n: 0 })));
  await t.copy();
  {
    await using load = new Load(t.sourceDb);
    for (let leg = 0; leg < 3; leg += 1) {
      const applied = t.events.filter((event) => event === 'schema_change').length;
      await t.running(async () => {
        for (let round = 0; round < 3; round += 1) {
          await load.more();
          await load.between(() => change(t.sourceDb, leg * 3 + round));
          await load.more(16);
        }
        await eventually(() => {
          expect(t.events.filter((event) => event === 'schema_change').length).toBeGreaterThan(applied);
          return Promise.resolve();
        }, 20_000);
      });
      // No leg follows what happens here until the next one begins.
      await load.between(() => change(t.sourceDb, leg * 3 + 3));
    }
  }
  await t.catchUp();
  await t.expectSame();
}

describe('under load, over legs that are cut off,', () => {
  it('a collection is dropped and made again', () =>
    underLoad(async (db) => {
      await db.collection('a').drop();
    }));

  it('a collection is renamed onto another one', () =>
    underLoad(async (db) => {
      await db
        .collection('b')
        .rename('a', { dropTarget: true })
        .catch(() => undefined);
    }));

  it('the database is dropped', () =>
    underLoad(async (db) => {
      await db.dropDatabase();
    }));

  it('indexes and options change, and collections with them', () =>
    underLoad(async (db, round) => {
      const rows = db.collection('a');
      await db.command({ createIndexes: 'a', indexes: [{ key: { n: 1 }, name: 'n' }] });
      if (round % 2 === 0) await rows.dropIndex('n').catch(() => undefined);
      await db.command({ collMod: 'a', validator: { n: { $gte: 0 } } }).catch(() => undefined);
      if (round % 3 === 2) await rows.drop();
    }));
});

describe('a predecessor that thaws', () => {
  it('and drops what its successor has made again, does so in vain', async () => {
    await using t = await CoreStream.open(servers());
    await t.sourceDb.collection<Row>('a').insertMany(Array.from({ length: 50 }, (_, _id) => ({ _id, n: 0 })));
    await t.copy();
    {
      await using load = new Load(t.sourceDb);
      await t.running(async () => {
        await load.between(() => t.sourceDb.collection('a').drop());
        await load.more();
        await eventually(async () => {
          expect(t.events).toContain('schema_change');
          expect(await t.destinationDb.collection('a').countDocuments()).toBeGreaterThan(0);
        });
        // Its fence was passed before the freeze; the drop itself has none.
        await load.between(async () => {
          await eventually(() => t.expectSame());
          await t.destinationDb.collection('a').drop();
        });
        await load.more();
      });
    }
    await t.catchUp();
    await t.expectSame();
  });
});
