import { setTimeout as delay } from 'node:timers/promises';
import { Int32, MongoClient, type AnyBulkWriteOperation, type Collection, type Db, type Document } from 'mongodb';
import { Holders } from './holders';
import { modify, PLAIN, PLAINS } from './modify';
import type { Act, SchemaWork, Work } from './plan';
import { Random } from './random';
import { EQUAL_KEYS, ODD_KEYS, row, UPDATES } from './rows';

/** Followed from the start, unless they are dropped or renamed meanwhile. */
const MAIN = ['orders', 'cust.omers', 'items-2'] as const;
/** Left out of the stream until it is reconfigured. */
export const LATE = 'late';
const BULK = 1000;

export interface WriterOptions {
  readonly retypeKeys: boolean;
  /** A unique index is in force at the destination. */
  readonly uniqueInForce: boolean;
}

/** The driver's types know no key but an ObjectId. */
const id = (key: unknown): { _id: never } => ({ _id: key as never });

/**
 * Plays works at the source. Every row carries a version `v` that only grows for its key: a work has keys of its own, and
 * its statements follow each other. A statement that fails, or whose outcome is not known, is left behind.
 */
export class Writer implements AsyncDisposable {
  readonly #client: MongoClient;
  readonly #db: Db;
  /** The last one that took its turn. */
  #turn: Promise<unknown> = Promise.resolve();
  #version = 0;
  #stopped = false;
  statements = 0;
  failed = 0;

  readonly #retypeKeys: boolean;
  readonly #uniqueInForce: boolean;
  readonly #holders: Holders;

  constructor(uri: string, database: string, { retypeKeys, uniqueInForce }: WriterOptions) {
    this.#retypeKeys = retypeKeys;
    this.#uniqueInForce = uniqueInForce;
    // A repeated bulk may begin with what is older than its own end.
    this.#client = new MongoClient(uri, { retryWrites: false, serverSelectionTimeoutMS: 2000, maxPoolSize: 10 });
    this.#db = this.#client.db(database);
    this.#holders = new Holders(this.#client, this.#db, () => this.#next());
  }

  /** The newest version that was given out. */
  get version(): number {
    return this.#version;
  }

  async play(acts: readonly Act[]): Promise<void> {
    for (const { works, ms } of acts) await Promise.all([delay(ms), ...works.map((work) => this.#work(work))]);
  }

  /** The same again, until the signal aborts. */
  async repeat(acts: readonly Act[], until: AbortSignal): Promise<void> {
    const busy = acts.filter(({ works }) => works.length > 0);
    for (let n = 0; busy.length > 0 && !until.aborted; n += 1)
      await Promise.all(busy[n % busy.length]?.works.map((work) => this.#work(work)) ?? []);
  }

  /** What is there before anything else: also rows of a collection that the stream does not follow yet. */
  async seed(): Promise<void> {
    await this.#holders.fill({ remake: true });
    await this.#db.collection(LATE).insertMany(Array.from({ length: 200 }, (_, i) => ({ ...id(i), v: this.#next() })));
  }

  /** Some more moves, whatever the plan says. */
  rotate(): Promise<void> {
    return this.#work({ do: 'rotate', seed: this.#version, moves: 20 });
  }

  async #work(work: Work): Promise<void> {
    const random = new Random(work.seed);
    switch (work.do) {
      case 'mixed':
        return this.#mixed(random, work.ms, work.perSecond);
      case 'burst':
        return this.#burst(random, work.writes);
      case 'transactions':
        return this.#transactions(random, work.count);
      case 'reinsert':
        return this.#reinsert(random, work.rounds);
      case 'large':
        return this.#large(random, work.bytes);
      case 'rotate':
        return this.#rotate(random, work.moves);
      case 'schema':
        return this.#schema(random, work.kind);
    }
  }

  async #mixed(random: Random, ms: number, perSecond: number): Promise<void> {
    const until = performance.now() + ms;
    for (let n = 0; performance.now() < until && !this.#stopped; n += 1) {
      await this.#one(random);
      if (n % 5 === 0)
        await this.#try(() => this.#rows('journal').insertOne({ ...id(this.#next()), v: this.#version }));
      if (n % 10 === 0) await delay(10_000 / perSecond);
    }
  }

  async #one(random: Random): Promise<void> {
    const rows = this.#rows(random.pick(MAIN));
    const filter = id(random.pick(ODD_KEYS));
    const shape = random.pick(UPDATES);
    const kind = random.between(0, 19);
    await this.#try(async () => {
      const v = this.#next();
      if (kind < 4) await rows.replaceOne(filter, row(v), { upsert: true });
      else if (kind < 6) await rows.insertOne({ ...filter, ...row(v) });
      else if (kind < 8) await rows.deleteOne(filter);
      else if (kind === 8) await this.#ifThere(rows, {}, () => rows.updateMany({}, { $set: { v }, $inc: { many: 1 } }));
      else await this.#ifThere(rows, filter, () => rows.updateOne(filter, shape(v)));
    });
  }

  /** Compatible servers exist that make a missing collection for an update that meets nothing, without a word in the log. */
  async #ifThere(rows: Collection, filter: Document, update: () => Promise<unknown>): Promise<void> {
    if ((await rows.findOne(filter, { projection: { _id: 1 } })) !== null) await update();
  }

  async #burst(random: Random, writes: number): Promise<void> {
    const rows = this.#rows(random.pick(['bulk', 'bulk.2']));
    const first = this.#version;
    const keyOf = (i: number): unknown => `${first}/${i}`;
    let made = 0;
    for (let done = 0; done < writes && !this.#stopped; done += BULK) {
      await this.#try(async () => {
        const operations: AnyBulkWriteOperation[] = [];
        const before = made;
        let kind = 0;
        for (let i = 0; i < Math.min(BULK, writes - done); i += 1) {
          const v = this.#next();
          const filter = id(keyOf(random.between(0, Math.max(0, made - 1))));
          // Runs of one kind make few commands of many statements.
          if (i % 20 === 0) kind = random.between(0, 9);
          // The first of a bulk makes the collection, whatever became of it.
          if (i === 0 || made === 0 || kind < 4) {
            operations.push({ insertOne: { document: { ...id(keyOf(made)), v, text: `row ${v}`, list: [1, 2, 3] } } });
            made += 1;
          } else if (kind === 4) operations.push({ deleteOne: { filter } });
          else if (kind === 5)
            operations.push({ replaceOne: { filter, replacement: { v, replaced: true, list: [v] }, upsert: true } });
          else
            operations.push({
              updateOne: { filter, update: { $set: { [`f${v % 4}`]: v, v }, $push: { list: v } as never } },
            });
        }
        await rows.bulkWrite(operations, { ordered: true }).catch((error: unknown) => {
          if (made > before) made = before + 1;
          throw error;
        });
      });
    }
  }

  async #transactions(random: Random, count: number): Promise<void> {
    for (let n = 0; n < count && !this.#stopped; n += 1) {
      await this.#try(() =>
        this.#client.withSession(async (session) => {
          session.startTransaction();
          for (let i = random.between(2, 12); i > 0; i -= 1) {
            const rows = this.#rows(random.pick(['accounts', 'entries']));
            const filter = id(`t${random.between(0, 15)}`);
            await rows.replaceOne(filter, row(this.#next()), { upsert: true, session });
            if (random.chance(0.6)) await rows.updateOne(filter, random.pick(UPDATES)(this.#next()), { session });
            if (random.chance(0.15)) await rows.deleteOne(filter, { session });
          }
          if (random.chance(0.85)) await session.commitTransaction();
          else await session.abortTransaction();
        }),
      );
    }
  }

  async #reinsert(random: Random, rounds: number): Promise<void> {
    const rows = this.#rows('numbers');
    for (let n = 0; n < rounds && !this.#stopped; n += 1) {
      for (const all of EQUAL_KEYS) {
        const types = this.#retypeKeys ? all : all.slice(0, 1);
        const filter = id(random.pick(types));
        await this.#try(async () => {
          await rows.deleteOne(filter);
          await rows.insertOne({ ...id(random.pick(types)), v: this.#next(), n: new Int32(n) });
          const v = this.#next();
          if (random.chance(0.5)) await rows.updateOne(filter, { $set: { v } });
        });
      }
    }
  }

  async #large(random: Random, bytes: number): Promise<void> {
    const rows = this.#rows('big');
    const filter = id(`big ${random.between(0, 1)}`);
    const text = (): string => String.fromCharCode(97 + random.between(0, 25)).repeat(bytes);
    await this.#try(() => rows.replaceOne(filter, { v: this.#next(), text: text() }, { upsert: true }));
    await this.#try(() => this.#ifThere(rows, filter, () => rows.updateOne(filter, { $set: { v: this.#next() } })));
    if (random.chance(0.5)) await this.#try(() => rows.replaceOne(filter, { v: this.#next(), text: text() }));
    if (random.chance(0.3)) await this.#try(() => rows.deleteOne(filter));
  }

  async #rotate(random: Random, moves: number): Promise<void> {
    for (let n = 0; n < moves && !this.#stopped; n += 1) {
      // Compatible servers exist that leave out what transactions under way do, where an index is built beside them.
      await this.#try(() => this.#holders.fill({ remake: !this.#uniqueInForce }));
      await this.#try(() => this.#holders.move(random));
    }
  }

  async #schema(random: Random, kind: SchemaWork): Promise<void> {
    await delay(random.between(0, 400));
    const name = random.pick(MAIN);
    const other = random.pick([...MAIN, 'moved', 'elsewhere']);
    const made = `made-${random.between(1, 3)}`;
    const fill = async (into: string): Promise<void> => {
      const rows = Array.from({ length: 20 }, (_, i) => {
        const v = this.#next();
        return { ...id(`s${v}/${i}`), ...row(v) };
      });
      await this.#rows(into).insertMany(rows);
    };
    await this.#try(async () => {
      switch (kind) {
        case 'create':
          await this.#db.createCollection(made);
          await fill(made);
          return;
        case 'drop':
          await this.#db.collection(random.pick([name, made, 'moved'])).drop();
          return;
        case 'rename':
        case 'rename_onto':
          await this.#db.collection(name).rename(other, { dropTarget: kind === 'rename_onto' });
          return;
        case 'drop_database':
          await this.#db.dropDatabase();
          return;
        case 'create_index':
          if ((await this.#rows(name).findOne()) !== null)
            await this.#db.command({ createIndexes: name, indexes: [random.pick(PLAINS)] });
          return;
        case 'drop_index':
          await this.#db.collection(name).dropIndex(PLAIN.name);
          return;
        case 'coll_mod':
          await modify(this.#db, name, random);
          return;
        case 'recreate':
          await this.#db.collection(name).drop();
          await fill(name);
          return;
      }
    });
  }

  /** Ends works before their time. */
  stop(): void {
    this.#stopped = true;
  }

  #next(): number {
    return (this.#version += 1);
  }

  #rows(name: string): Collection {
    return this.#db.collection(name);
  }

  /** One at a time, so that versions are written in the order in which they were given out. */
  async #try(statement: () => Promise<unknown>): Promise<void> {
    const mine = this.#turn.then(statement);
    this.#turn = mine.catch(() => undefined);
    this.statements += 1;
    try {
      await mine;
    } catch {
      this.failed += 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#turn.catch(() => undefined);
    await this.#client.close();
  }
}
