import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import * as os from 'node:os';
import { join } from 'node:path';
import {
  Binary,
  BSON,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
  type Document,
} from 'mongodb';
import { header, document, element } from '../../src/bson/build';
import { BsonType } from '../../src/bson/types';
import type { Change } from '../../src/replication/change';
import type { Source } from '../../src/replication/source';
import { privateMongo, sharedMongo } from '../support/servers';
import { MongodbFixture, type SourceSettings } from './source-mongodb';
import { changesOf, codeOf, collect, DELTAS, describeSource, keysIn, schemaOf, soon, untilHere } from './source-suite';

describeSource('mongodb', () => MongodbFixture.open(sharedMongo()));

const decimal = (text: string) => Decimal128.fromString(text);

/** Values that a decoding path would change. */
const ODDITIES: Document = {
  doubleLikeInteger: new Double(1),
  negativeZero: new Double(-0),
  nan: new Double(NaN),
  int32: new Int32(1),
  int64: Long.fromNumber(5),
  large: Long.fromString('9007199254740993'),
  decimal: decimal('1.10'),

  integerLikeNames: new Map<string, unknown>([
    ['b', 1],
    ['10', new Double(1)],
    ['2', 2],
  ]),
  regex: new BSONRegExp('a.*b', 'imsx'),
  binary: new Binary(Buffer.from('x'), 0),
  md5: new Binary(Buffer.alloc(16), 5),
  user: new Binary(Buffer.from('x'), 128),
  uuid: new UUID(),
  min: new MinKey(),
  max: new MaxKey(),
  timestamp: new Timestamp({ t: 1, i: 2 }),
  code: new Code('f()'),
  nothing: null,
  empty: {},
  emptyList: [],
  '': 'an empty name',
  text: 'zero \0 byte, é, 😀',
};

/** Keys of every type that the server takes, in no order. */
const KEYS: readonly unknown[] = [
  new MaxKey(),
  'b',
  new Int32(2),
  new Double(2.5),
  Long.fromString('9007199254740993'),
  decimal('7.5'),
  new Double(NaN),
  new Double(-Infinity),
  null,
  { a: 1 },
  new Map([
    ['b', 1],
    ['10', 2],
    ['2', 3],
  ]),
  {},
  new Binary(Buffer.alloc(16, 1), 0),
  new UUID('00000000-0000-4000-8000-000000000000'),
  new ObjectId('000000000000000000000001'),
  true,
  false,
  new Date(-1),
  new Date(0),
  new Timestamp({ t: 1, i: 1 }),
  new Code('f'),
  'a',
  '',
  new MinKey(),
];

async function using<T>(settings: SourceSettings, use: (fixture: MongodbFixture) => Promise<T>): Promise<T> {
  const fixture = await MongodbFixture.open(sharedMongo(), settings);
  try {
    return await use(fixture);
  } finally {
    await fixture[Symbol.asyncDispose]();
  }
}

const rawRows = async (source: Source, namespace: string): Promise<Buffer[]> => {
  const since = await source.here(soon());
  const rows: Buffer[] = [];
  const range = { from: null, to: null, estimatedRows: 0 };
  for await (const batch of source.rows(namespace, range, { after: null, since, batchSize: 7 }, soon()))
    rows.push(...batch.rows);
  return rows;
};

describe('bytes of MongoDB', () => {
  it('arrive as they are, by stream, copy and look-up', () =>
    using({}, async ({ source, db }) => {
      const from = await source.here(soon());
      const collection = db.collection('odd');
      await collection.insertOne({ _id: 1 as never, ...ODDITIES }, { ignoreUndefined: false });
      const rows = await collection.find({}, { raw: true }).toArray();
      const sent = Buffer.from(BSON.serialize({ _id: 1, ...ODDITIES }));
      const [change] = changesOf(await untilHere(source, from));
      expect(change?.op === 'insert' && change.row.equals(sent)).toBe(true);
      expect((rows[0] as unknown as Buffer).equals(sent)).toBe(true);
      const name = `${db.databaseName}.odd`;
      expect((await rawRows(source, name)).map((row) => row.equals(sent))).toEqual([true]);
      const [found] = await source.lookup([change!], Infinity, soon());
      expect(found?.op === 'replace' && found.row.equals(sent)).toBe(true);
    }));

  it('are looked up where their collection is now, and not in another one under its old name', () =>
    using({}, async ({ source, db }) => {
      const identityOf = async (name: string) =>
        (
          (await db.listCollections({ name }).toArray())[0] as { info?: { uuid?: UUID } } | undefined
        )?.info?.uuid?.toString();
      await db.createCollection('before');
      const from = await source.here(soon());
      await db.collection('before').insertOne({ _id: 1 as never, n: 0 });
      await db.collection('before').updateOne({ _id: 1 as never }, { $set: { n: 1 } });
      const updates = changesOf(await untilHere(source, from)).filter(({ op }) => op === 'update');
      const was = await identityOf('before');
      await db.collection('before').rename('after');
      // MongoDB keeps the identity of a collection that is renamed; a server that does not cannot be asked for it.
      const followed = was !== undefined && (await identityOf('after')) === was;
      expect((await source.lookup(updates, Infinity, soon())).map(({ op }) => op)).toEqual([
        followed ? 'replace' : 'delete',
      ]);
      await db.collection('before').insertOne({ _id: 1 as never, another: true });
      const [found] = await source.lookup(updates, Infinity, soon());
      const row = found?.op === 'replace' ? BSON.deserialize(found.row) : null;
      expect(row).toEqual(followed ? { _id: 1, n: 1 } : was === undefined ? { _id: 1, another: true } : null);
    }));

  it('are gone with their collection, whatever has its name by now', () =>
    using({}, async ({ source, db }) => {
      await db.createCollection('again');
      const from = await source.here(soon());
      await db.collection('again').insertOne({ _id: 1 as never, n: 0 });
      const changes = changesOf(await untilHere(source, from));
      const known = changes.every(({ identity = '' }) => identity !== '');
      await db.collection('again').drop();
      await db.collection('again').insertOne({ _id: 1 as never, another: true });
      expect((await source.lookup(changes, Infinity, soon())).map(({ op }) => op)).toEqual([
        known ? 'delete' : 'replace',
      ]);
    }));

  it('are looked up there whatever the change was, and whoever made it', () =>
    using({}, async ({ source, db }) => {
      const namespace = (name: string) => `${db.databaseName}.${name}`;
      const identities = async () =>
        new Map((await source.namespaces(soon())).map(({ name, identity }) => [name, identity] as const));
      await db.createCollection('before');
      const from = await source.here(soon());
      const before = db.collection<{ _id: number; n: number }>('before');
      await before.insertOne({ _id: 1, n: 0 });
      await before.replaceOne({ _id: 1 }, { n: 1 });
      await before.deleteOne({ _id: 1 });
      await before.insertOne({ _id: 1, n: 2 });
      const changes = changesOf(await untilHere(source, from));
      const identity = (await identities()).get(namespace('before')) ?? '';
      const { key, position } = changes[0]!;
      const asked = { namespace: namespace('before'), key, position, identity, sourceTimeMs: 0, bytes: 0 };
      const made: Change[] = [
        ...changes,
        { ...asked, op: 'update', delta: Buffer.alloc(0), needsLookup: true },
        { ...asked, op: 'delete' },
      ];
      const found = async () =>
        (await source.lookup(made, Infinity, soon())).map((change) =>
          'row' in change ? (BSON.deserialize(change.row)['n'] as unknown) : null,
        );
      expect(await found()).toEqual(made.map(() => 2));
      await before.rename('after');
      const followed = identity !== '' && (await identities()).get(namespace('after')) === identity;
      expect(await found()).toEqual(made.map(() => (followed ? 2 : null)));
    }));

  it('hold keys of every type, which ranges cover once and look-ups find', () =>
    using({}, async ({ source, db }) => {
      const from = await source.here(soon());
      for (const _id of KEYS) await db.collection('keys').insertOne({ _id } as never);
      const changes = changesOf(await untilHere(source, from));
      expect(new Set(changes.map(({ key }) => key.id)).size).toBe(KEYS.length);
      const found = await source.lookup(changes, Infinity, soon());
      expect(found.map(({ op }) => op)).toEqual(KEYS.map(() => 'replace'));
      const name = `${db.databaseName}.keys`;
      const ordered = await rawRows(source, name);
      expect(ordered).toHaveLength(KEYS.length);
      const since = await source.here(soon());
      const readKey = (row: Buffer): number => ordered.findIndex((each) => each.equals(row));
      const all = ordered.map((_, index) => index);
      for (const [index, bound] of ordered.entries()) {
        const from = (after: Buffer | null, range: { from: Buffer | null; to: Buffer | null }) =>
          keysIn({ source, readKey }, name, { ...range, estimatedRows: 0 }, { after, since, batchSize: 5 });
        expect(await from(bound, { from: null, to: null })).toEqual(all.slice(index + 1));
        expect(await from(null, { from: bound, to: null })).toEqual(all.slice(index));
        expect(await from(null, { from: null, to: bound })).toEqual(all.slice(0, index));
      }
    }));
});

describe('updates of MongoDB', () => {
  it('are looked up where their paths cannot be applied as they are', () =>
    using({}, async ({ source, db }) => {
      const rows = db.collection<{ _id: number }>('paths');
      await rows.insertOne({ _id: 1, list: [1, 2, 3], nested: { '0': 1 } } as never);
      const from = await source.here(soon());
      await rows.updateOne({ _id: 1 }, { $set: { plain: 1, 'nested.b': 2 } });
      await rows.updateOne({ _id: 1 }, { $set: { 'nested.0': 5 } });
      await rows.updateOne({ _id: 1 }, [
        { $replaceWith: { $setField: { field: { $literal: '$price' }, input: '$$ROOT', value: 9 } } },
      ]);
      const changes = changesOf(await untilHere(source, from));
      expect(changes.map((change) => change.op === 'update' && change.needsLookup)).toEqual([false, true, true]);
      const [first] = changes;
      const delta = first?.op === 'update' ? BSON.deserialize(first.delta) : {};
      expect(delta).toMatchObject({ updatedFields: { plain: 1, 'nested.b': 2 }, removedFields: [] });
    }));
});

describe('what a MongoDB stream follows', () => {
  it('is chosen by patterns, and never the ledger, the server or system collections', () =>
    using({ collections: ['orders', 'cust*'], exclude: ['cust_old'] }, async ({ source, db, client }) => {
      const from = await source.here(soon());
      for (const name of ['orders', 'customers', 'cust_old', 'orders2']) await db.collection(name).insertOne({ name });
      await client.db('tributary').collection('test').insertOne({});
      const changes = changesOf(await untilHere(source, from));
      expect(changes.map(({ namespace }) => namespace.split('.')[1])).toEqual(['orders', 'customers']);
      expect((await source.namespaces(soon())).map(({ name }) => name.split('.')[1]).sort()).toEqual([
        'customers',
        'orders',
      ]);
    }));

  it('can be a whole deployment', () =>
    using({ wholeDeployment: true, collections: ['source_*.a'] }, async ({ source, db, other, client }) => {
      const from = await source.here(soon());
      await db.collection('a').insertOne({});
      await other.collection('a').insertOne({});
      await other.collection('b').insertOne({});
      await client.db('tributary').collection('a').insertOne({});
      const changes = changesOf(await untilHere(source, from));
      expect(changes.map(({ namespace }) => namespace)).toEqual([`${db.databaseName}.a`, `${other.databaseName}.a`]);
    }));

  it('is entered and left by renames, and reports other schema events', () =>
    using({ collections: ['in*'] }, async ({ source, db }) => {
      await db.createCollection('out');
      const from = await source.here(soon());
      await db.collection('out').rename('in1');
      await db.collection('in1').createIndex({ a: 1 });
      await db.collection('in1').rename('in2');
      await db.collection('in2').rename('away');
      await db.createCollection('in3', { capped: true, size: 4096 });
      const seen = schemaOf(await untilHere(source, from));
      expect(seen.map(({ op, kind }) => [op, kind])).toEqual([
        ['enter', 'rename'],
        ['create_indexes', 'createIndexes'],
        ['rename', 'rename'],
        ['leave', 'rename'],
        ['create', 'create'],
      ]);
      expect(seen[0]).toMatchObject({ namespace: `${db.databaseName}.out`, to: `${db.databaseName}.in1` });
      const options = seen[4]?.options;
      expect(options && BSON.deserialize(options)).toMatchObject({ capped: true, size: 4096 });
    }));

  it('survives a dropped database and goes on', () =>
    using({}, async ({ source, db }) => {
      await db.collection('a').insertOne({ _id: 1 } as never);
      const from = await source.here(soon());
      await db.dropDatabase();
      await db.collection('a').insertOne({ _id: 2 } as never);
      const events = await untilHere(source, from);
      expect(schemaOf(events).map(({ op }) => op)).toContain('drop_database');
      expect(changesOf(events).map(({ key }) => BSON.deserialize(key.bytes)['_id'] as number)).toEqual([2]);
    }));

  it('may be chosen anew at any position', () =>
    using({ collections: ['a'] }, async (fixture) => {
      const { source, db } = fixture;
      await db.createCollection('a');
      await db.createCollection('b');
      const from = await source.here(soon());
      await db.collection('a').insertOne({ _id: 1 } as never);
      await db.collection('b').insertOne({ _id: 2 } as never);
      const [first] = changesOf(await untilHere(source, from));
      await db.collection('b').insertOne({ _id: 3 } as never);
      const wider = await fixture.reopen({ collections: ['b'] });
      const changes = changesOf(await untilHere(wider, first!.position));
      expect(changes.map(({ key }) => BSON.deserialize(key.bytes)['_id'] as number)).toEqual([2, 3]);
    }));
});

describe('namespaces of MongoDB', () => {
  it('come with options, indexes and identity; views are not followed, capped ones keep whole order', () =>
    using({}, async ({ source, db }) => {
      await db.createCollection('plain');
      await db.collection('plain').createIndexes([{ key: { a: 1 }, unique: true }]);
      await db.createCollection('capped', { capped: true, size: 4096 });
      await db.createCollection('view', { viewOn: 'plain', pipeline: [] });
      const byName = new Map((await source.namespaces(soon())).map((each) => [each.name.split('.')[1], each]));
      expect([...byName.keys()].sort()).toEqual(['capped', 'plain', 'view']);
      expect(byName.get('plain')).toMatchObject({ follows: 'stream', wholeOrder: false });
      expect(byName.get('plain')?.indexes.map((index) => BSON.deserialize(index))).toMatchObject([
        { key: { a: 1 }, unique: true },
      ]);
      expect(byName.get('plain')?.identity).toMatch(/^[0-9a-f]{32}$/u);
      expect(byName.get('capped')).toMatchObject({ follows: 'stream', wholeOrder: true });
      expect(BSON.deserialize(byName.get('capped')!.options)).toMatchObject({ capped: true });
      expect(byName.get('view')).toMatchObject({ follows: 'nothing' });
      const codes = (await source.inspect(soon())).map(({ code }) => code);
      expect(codes).toEqual(expect.arrayContaining(['not_followed', 'capped']));
    }));
});

describe('trouble with a MongoDB source', () => {
  it('is survived while it passes', async () => {
    await using({}, async ({ source, db, client, events }) => {
      const from = await source.here(soon());
      await db.collection('a').insertOne({ _id: 1 } as never);
      await client.db('admin').command({
        configureFailPoint: 'failCommand',
        mode: { times: 2 },
        data: { failCommands: ['getMore'], errorCode: 11602, appName: 'tributary/test' },
      });
      await db.collection('a').insertOne({ _id: 2 } as never);
      expect(changesOf(await untilHere(source, from))).toHaveLength(2);
      expect(events.filter((event) => event === 'change_stream_interrupted')).toHaveLength(2);
    });
  });

  it('is said at once where history is lost', async () => {
    await using({}, async ({ source }) => {
      const here = await source.here(soon());
      const token = here.token as { data: string };
      // An event of 1970 under another filter: opened by its time, which is before every oplog.
      const old = document([
        element(BsonType.int64, 's', Buffer.from('0100000000000000', 'hex')),
        element(BsonType.timestamp, 't', Buffer.from('0100000001000000', 'hex')),
        Buffer.concat([header(BsonType.string, 'n'), Buffer.from('020000006100', 'hex')]),
      ]).toString('hex');
      const lost = { ...here, token: { ...token, data: old, time: '1:1', mark: false, filter: 'other' } };
      expect(await codeOf(collect(source, lost, () => true))).toBe('needs_attention history_lost');
    });
  });

  it('is seen when the source was restored from an older state', async () => {
    const storagePath = await mkdtemp(join(os.tmpdir(), 'tributary-restored-'));
    const server = await privateMongo({ onlyEmbedded: true, storagePath });
    const fixture = await MongodbFixture.open(server.uri);
    try {
      await fixture.create('a');
      const from = await fixture.source.here(soon());
      await server.kill('SIGKILL');
      await cp(storagePath, `${storagePath}.backup`, { recursive: true });
      await server.restart();
      await fixture.write({ in: 'a', key: 0, value: 0 });
      const [change] = changesOf(await untilHere(fixture.source, from));
      const ahead = await fixture.reopen();
      const idle = (await untilHere(ahead, change!.position)).findLast((event) => event.type === 'idle');
      expect(idle).toBeDefined();

      await server.kill('SIGKILL');
      await rm(storagePath, { recursive: true });
      await rename(`${storagePath}.backup`, storagePath);
      await server.restart();
      const restored = await fixture.reopen();
      await fixture.write({ in: 'a', key: 1, value: 1 });
      const stream = collect(restored, change!.position, (events) => changesOf(events).length > 0, DELTAS);
      expect(await codeOf(stream)).toBe('needs_attention source_behind');
      const between = collect(restored, idle!.position, (events) => changesOf(events).length > 0, DELTAS);
      expect(await codeOf(between)).toBe('needs_attention source_behind');
      expect(changesOf(await untilHere(restored, from))).toHaveLength(1);
    } finally {
      await fixture[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(storagePath, { recursive: true, force: true });
      await rm(`${storagePath}.backup`, { recursive: true, force: true });
    }
  });

  it('is seen when a position lies ahead of all that the source has', () =>
    using({}, async ({ source }) => {
      const here = await source.here(soon());
      const ahead = { ...here, token: { ...(here.token as { data: string }), time: '4000000000:1' } };
      expect(await codeOf(collect(source, ahead, () => true))).toBe('needs_attention source_behind');
    }));

  it('is seen when the oplog has rolled over a position', async () => {
    const server = await privateMongo({ onlyEmbedded: true, oplogMaxEntries: 200 });
    const fixture = await MongodbFixture.open(server.uri);
    try {
      await fixture.create('a');
      const from = await fixture.source.here(soon());
      await fixture.write({ in: 'a', key: 0, value: 0 });
      const [change] = changesOf(await untilHere(fixture.source, from));
      await fixture.fill(
        'a',
        Array.from({ length: 2_000 }, (_, index) => index + 1),
      );
      await fixture.write({ in: 'a', key: 0, value: 1 });
      const stream = collect(fixture.source, change!.position, (events) => changesOf(events).length >= 2_001, DELTAS);
      await expect(stream).rejects.toMatchObject({
        kind: 'needs_attention',
        code: 'history_lost',
        message: expect.stringMatching(/after \d{4}-.*: its log begins at \d{4}-/u) as string,
      });
    } finally {
      await fixture[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    }
  });
});
