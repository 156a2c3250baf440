import * as os from 'node:os';
import { BSON, Int32, MongoClient, type Db } from 'mongodb';
import { mongodbSourceSchema, type MongodbSourceConfig } from '../../src/config/schema';
import { Secret } from '../../src/config/secret';
import type { Change } from '../../src/core/model/change';
import type { Log } from '../../src/core/ports/connector';
import type { Source } from '../../src/core/ports/source';
import { openSource } from '../../src/connectors/mongodb/source/source';
import { sharedMongo, uniqueName } from '../support/servers';
import type { SourceFixture, Write } from './source-suite';

export type SourceSettings = Partial<Pick<MongodbSourceConfig, 'database' | 'collections' | 'exclude'>> & {
  readonly wholeDeployment?: boolean;
};

/** A MongoDB source over a database of its own, and a client that writes to it. */
export class MongodbFixture implements SourceFixture {
  readonly uri: string;
  /** What the source has logged. */
  readonly events: readonly string[];
  readonly client: MongoClient;
  readonly source: Source;
  readonly db: Db;
  readonly other: Db;
  readonly #also: Source[] = [];

  private constructor(uri: string, client: MongoClient, source: Source, database: string, events: readonly string[]) {
    this.uri = uri;
    this.events = events;
    this.client = client;
    this.source = source;
    this.db = client.db(database);
    this.other = client.db(`${database}_other`);
  }

  static async open(uri: string, settings: SourceSettings = {}): Promise<MongodbFixture> {
    const database = settings.database ?? uniqueName('source');
    const client = await MongoClient.connect(uri, { runtimeAdapters: { os } });
    const events: string[] = [];
    const source = await openMongodbSource(uri, database, settings, (_level, event) => events.push(event));
    return new MongodbFixture(uri, client, source, database, events);
  }

  /** Another source over the same database. */
  async reopen(settings: SourceSettings = {}): Promise<Source> {
    const source = await openMongodbSource(this.uri, this.db.databaseName, settings);
    this.#also.push(source);
    return source;
  }

  namespace(name: string): string {
    return `${this.db.databaseName}.${name}`;
  }

  async create(name: string): Promise<void> {
    await this.db.createCollection(name);
  }

  async drop(name: string): Promise<void> {
    await this.db.collection(name).drop();
  }

  async rename(from: string, to: string): Promise<void> {
    await this.db.collection(from).rename(to);
  }

  async write(...writes: readonly Write[]): Promise<void> {
    for (const { in: name, key, value } of writes) {
      const rows = this.db.collection<{ _id: number }>(name);
      if (value === null) await rows.deleteOne({ _id: key });
      else await rows.updateOne({ _id: key }, { $set: { value } }, { upsert: true });
    }
  }

  async transaction(...writes: readonly Write[]): Promise<void> {
    await this.client.withSession(async (session) => {
      await session.withTransaction(async () => {
        for (const { in: name, key, value } of writes) {
          await this.db
            .collection<{ _id: number }>(name)
            .updateOne({ _id: key }, { $set: { value } }, { upsert: true, session });
        }
      });
    });
  }

  async fill(name: string, keys: readonly number[]): Promise<void> {
    for (let at = 0; at < keys.length; at += 5_000) {
      await this.db
        .collection<{ _id: number }>(name)
        .insertMany(keys.slice(at, at + 5_000).map((_id) => ({ _id, value: _id })));
    }
  }

  async elsewhere(): Promise<void> {
    await this.other.collection('c').insertOne({});
  }

  read(change: Change) {
    const row = change.op === 'insert' || change.op === 'replace' ? BSON.deserialize(change.row) : {};
    const value: unknown = row['value'];
    return { key: this.readKey(change.key.bytes), value: typeof value === 'number' ? value : undefined };
  }

  readonly readKey = (row: Buffer): number => {
    const id: unknown = BSON.deserialize(row)['_id'];
    return id instanceof Int32 ? id.value : Number(id);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.dropDatabase();
    await this.other.dropDatabase();
    for (const source of [this.source, ...this.#also]) await source[Symbol.asyncDispose]();
    await this.client.close();
  }
}

async function openMongodbSource(
  uri: string,
  database: string,
  settings: SourceSettings,
  log: Log = () => undefined,
): Promise<Source> {
  const { wholeDeployment = false, ...rest } = settings;
  const config = mongodbSourceSchema.parse({
    type: 'mongodb',
    connection_string: 'test',
    ...(!wholeDeployment && { database }),
    ...rest,
    options: { max_await: '200ms' },
  });
  return await openSource(config, { connectionString: new Secret(uri) }, { stream: 'test', log });
}

/** What a test does with a source and databases of its own, on the shared server. */
export async function withSource<T>(
  settings: SourceSettings,
  use: (fixture: MongodbFixture) => Promise<T>,
): Promise<T> {
  const fixture = await MongodbFixture.open(sharedMongo(), settings);
  try {
    return await use(fixture);
  } finally {
    await fixture[Symbol.asyncDispose]();
  }
}
