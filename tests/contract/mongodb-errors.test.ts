import { MongoClient, type Document } from 'mongodb';
import { Secret } from '../../src/config/secret';
import { openClient } from '../../src/connectors/mongodb/client';
import { classify, classifyStatement } from '../../src/connectors/mongodb/errors';
import type { ReplicationError } from '../../src/core/model/errors';
import { freePort } from '../../src/servers/ports';
import type { RunningMongo } from '../../src/servers/mongodb/server';
import { privateMongo, sharedMongo, uniqueName } from '../support/servers';
import { failure } from './destination-suite';

/** In keys, rows and logins; nowhere in an error. */
const CANARY = 'canary-4711';
const role = 'destination';

const context = { stream: 'test', log: () => undefined };
const opened = (uri: string, driver = {}) =>
  openClient({ connectionString: new Secret(uri) }, context, { appName: 'test', role, driver });

/** What anybody could see of an error, its causes included. */
function shown(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = Object.getOwnPropertyNames(error).map((name) => JSON.stringify(Reflect.get(error, name)));
  return [error.name, error.message, error.stack, ...own, shown(error.cause)].join('\n');
}

function expectError(error: ReplicationError, kind: string, code: string): void {
  expect([error.kind, error.code]).toEqual([kind, code]);
  expect(error.remedy).not.toBe('');
  expect(shown(error)).not.toContain(CANARY);
}

describe('an error of a MongoDB server with access control', () => {
  let server: RunningMongo;
  const username = 'root';
  const password = `${CANARY}-root`;

  beforeAll(async () => {
    server = await privateMongo({ auth: { username, password } });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  /** The server's address, with another login. */
  const as = (user: string, secret: string): string =>
    server.uri.replace(/\/\/[^@]*@/u, `//${encodeURIComponent(user)}:${encodeURIComponent(secret)}@`);

  it('is authentication_failed for a wrong password and for a user that is not there', async () => {
    for (const uri of [as(username, `${CANARY}-wrong`), as(`${CANARY}-unknown`, password)])
      expectError(await failure(opened(uri)), 'needs_attention', 'authentication_failed');
  });

  it('is unauthorized without a login', async () => {
    const client = await opened(server.uri.replace(/\/\/[^@]*@/u, '//').replace('&authSource=admin', ''));
    try {
      const refused = client.db('shop').collection<Document & { _id: string }>('orders').insertOne({ _id: CANARY });
      expectError(await failure(refused.catch(rethrown)), 'needs_attention', 'unauthorized');
    } finally {
      await client.close();
    }
  });

  it('is unauthorized where the user lacks a privilege', async () => {
    const root = await MongoClient.connect(server.uri);
    const secret = `${CANARY}-reader`;
    try {
      await root.db('admin').command({ createUser: 'reader', pwd: secret, roles: [{ role: 'read', db: 'shop' }] });
    } finally {
      await root.close();
    }
    const client = await opened(as('reader', secret));
    try {
      const refused = client.db('shop').collection<Document & { _id: string }>('orders').insertOne({ _id: CANARY });
      expectError(await failure(refused.catch(rethrown)), 'needs_attention', 'unauthorized');
    } finally {
      await client.close();
    }
  });
});

const rethrown = (error: unknown): never => {
  throw classify(error, { role });
};

describe('an error of a MongoDB server', () => {
  const database = uniqueName('errors');
  let client: MongoClient;

  beforeAll(async () => {
    client = await opened(sharedMongo());
  });

  afterAll(async () => {
    await client.db(database).dropDatabase();
    await client.close();
  });

  const insert = (collection: string, ...rows: (Document & { _id: string })[]) =>
    client.db(database).collection<Document & { _id: string }>(collection).insertMany(rows);

  it('is not_reachable where no server listens', async () => {
    const uri = `mongodb://${CANARY}:${CANARY}@127.0.0.1:${await freePort()}/?directConnection=true`;
    expectError(await failure(opened(uri, { serverSelectionTimeoutMS: 300 })), 'retry', 'not_reachable');
  });

  it('is invalid_connection where the driver refuses the options', async () => {
    const uri = `mongodb://user:${CANARY}@127.0.0.1:1/?replicaSet=a&tls=perhaps`;
    expectError(await failure(opened(uri)), 'needs_attention', 'invalid_connection');
  });

  it('is duplicate_key where a unique index refuses a row', async () => {
    await client.db(database).command({
      createIndexes: 'unique',
      indexes: [{ key: { email: 1 }, name: 'email', unique: true }],
    });
    const refused = insert('unique', { _id: '1', email: CANARY }, { _id: '2', email: CANARY });
    expectError(await failure(refused.catch(rethrown)), 'poison', 'duplicate_key');
  });

  it('is document_validation where a rule refuses a row', async () => {
    await client.db(database).createCollection('strict', { validator: { n: { $type: 'int' } } });
    const refused = insert('strict', { _id: CANARY, n: CANARY });
    expectError(await failure(refused.catch(rethrown)), 'poison', 'document_validation');
  });

  it('is too_large for a row above 16 MB', async () => {
    // As a command of its own: the driver refuses such a row before it asks the server.
    const half = 'x'.repeat(8 * 1024 * 1024 + 1);
    const reply = await client
      .db(database)
      .command({ insert: 'large', documents: [{ _id: CANARY, a: half, b: half }] })
      .catch(rethrown);
    const [{ code }] = reply['writeErrors'] as [{ code: number }];
    const error = classifyStatement({ code }, { role, namespace: `${database}.large` });
    expectError(error, 'poison', 'too_large');
  });

  it('is namespace_missing, unsupported or not_allowed where the code says so', async () => {
    const db = client.db(database);
    expectError(
      await failure(db.command({ collMod: 'missing', validator: {} }).catch(rethrown)),
      'needs_attention',
      'namespace_missing',
    );
    expectError(
      await failure(db.command({ [`no${uniqueName('Command')}`]: CANARY }).catch(rethrown)),
      'needs_attention',
      'unsupported',
    );
    await db.createCollection('capped', { capped: true, size: 4096 });
    const session = client.startSession();
    const refused = session.withTransaction(() =>
      db.collection<{ _id: string }>('capped').insertOne({ _id: CANARY }, { session }),
    );
    expectError(await failure(refused.catch(rethrown)), 'needs_attention', 'not_allowed');
    await session.endSession();
  });
});
