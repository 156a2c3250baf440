import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import * as os from 'node:os';
import { join } from 'node:path';
import { BSON, MongoClient, MongoServerError, Timestamp } from 'mongodb';
import { header, document, element } from '../../src/formats/bson/build';
import { BsonType } from '../../src/formats/bson/types';
import { ownServer } from '../support/own-servers';
import { ChangeStreams } from '../../src/connectors/mongodb/source/stream/cursor';
import { Deployment } from '../../src/connectors/mongodb/source/deployment';
import { failPoint } from '../support/fail-point';
import { privateMongo } from '../support/servers';
import { MongodbFixture, withSource } from './source-mongodb';
import { changesOf, codeOf, collect, DELTAS, describeSource, schemaOf, soon, untilHere } from './source-suite';

// What others write would be read again from every position.
const server = ownServer();

describeSource('mongodb', () => MongodbFixture.open(server()));

describe('what a MongoDB stream follows', () => {
  it('is chosen by patterns, and never the ledger, the server or system collections', () =>
    withSource({ collections: ['orders', 'cust*'], exclude: ['cust_old'] }, async ({ source, db, client }) => {
      const from = await source.currentPosition(soon());
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
    withSource({ wholeDeployment: true, collections: ['source_*.a'] }, async ({ source, db, other, client }) => {
      const from = await source.currentPosition(soon());
      await db.collection('a').insertOne({});
      await other.collection('a').insertOne({});
      await other.collection('b').insertOne({});
      await client.db('tributary').collection('a').insertOne({});
      const changes = changesOf(await untilHere(source, from));
      expect(changes.map(({ namespace }) => namespace)).toEqual([`${db.databaseName}.a`, `${other.databaseName}.a`]);
    }));

  it('is entered and left by renames, and reports other schema events', () =>
    withSource({ collections: ['in*'] }, async ({ source, db }) => {
      await db.createCollection('out');
      const from = await source.currentPosition(soon());
      await db.collection('out').rename('in1');
      await db.collection('in1').createIndex({ a: 1 });
      await db.collection('in1').rename('in2');
      await db.collection('in2').rename('away');
      await db.createCollection('in3', { capped: true, size: 4096 });
      const seen = schemaOf(await untilHere(source, from));
      expect(seen.map(({ op, kind }) => [op, kind])).toEqual([
        ['renamed_in', 'rename'],
        ['create_indexes', 'createIndexes'],
        ['rename', 'rename'],
        ['renamed_out', 'rename'],
        ['create', 'create'],
      ]);
      expect(seen[0]).toMatchObject({ namespace: `${db.databaseName}.out`, to: `${db.databaseName}.in1` });
      const options = seen[4]?.options;
      expect(options && BSON.deserialize(options)).toMatchObject({ capped: true, size: 4096 });
    }));

  it('survives a dropped database and goes on', () =>
    withSource({}, async ({ source, db }) => {
      await db.collection('a').insertOne({ _id: 1 } as never);
      const from = await source.currentPosition(soon());
      await db.dropDatabase();
      await db.collection('a').insertOne({ _id: 2 } as never);
      const events = await untilHere(source, from);
      expect(schemaOf(events).map(({ op }) => op)).toContain('drop_database');
      expect(changesOf(events).map(({ key }) => BSON.deserialize(key.bytes)['_id'] as number)).toEqual([2]);
    }));

  it('may be chosen anew at any position', () =>
    withSource({ collections: ['a'] }, async (fixture) => {
      const { source, db } = fixture;
      await db.createCollection('a');
      await db.createCollection('b');
      const from = await source.currentPosition(soon());
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
  it('come with options, indexes and identity; views are derived, capped ones keep whole order', () =>
    withSource({}, async ({ source, db }) => {
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
      expect(byName.get('view')).toMatchObject({ follows: 'derived' });
      await db.command({ createUser: 'app', pwd: 'secret', roles: [] });
      try {
        const found = await source.inspect(soon());
        expect(found.map(({ code }) => code)).toEqual(expect.arrayContaining(['capped', 'accounts_not_copied']));
      } finally {
        await db.command({ dropUser: 'app' });
      }
      const { list, covers } = await source.derived(db.databaseName, soon());
      expect(list).toEqual([byName.get('view')]);
      expect([`${db.databaseName}.gone`, 'elsewhere.view'].map(covers)).toEqual([true, false]);
    }));
});

/** A source that holds 200 entries of its log, with one collection. */
async function withShortLog(test: (fixture: MongodbFixture) => Promise<void>): Promise<void> {
  const server = await privateMongo({ onlyEmbedded: true, oplogMaxEntries: 200 });
  const fixture = await MongodbFixture.open(server.uri);
  try {
    await fixture.create('a');
    await test(fixture);
  } finally {
    jest.restoreAllMocks();
    await fixture[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
}

describe('trouble with a MongoDB source', () => {
  it('is survived while it passes', async () => {
    await withSource({}, async ({ source, db, client, events }) => {
      const from = await source.currentPosition(soon());
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
    await withSource({}, async ({ source }) => {
      const here = await source.currentPosition(soon());
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
      const from = await fixture.source.currentPosition(soon());
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

  it('is not looked for again where the same server has just given the same worker what it asks for', () =>
    withSource({}, async ({ source, db }) => {
      const asked = jest.spyOn(Deployment.prototype, 'oplogHas');
      const from = await source.currentPosition(soon());
      await db.collection('a').insertOne({ _id: 1 } as never);
      const [change] = changesOf(await untilHere(source, from));
      asked.mockClear();
      await untilHere(source, change!.position);
      expect(asked).not.toHaveBeenCalled();
      // As after a pause.
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 10_000);
      const took = jest.spyOn(performance, 'now');
      asked.mockImplementationOnce(() => {
        took.mockReturnValue(performance.now() + 1_000);
        return Promise.resolve(true);
      });
      await untilHere(source, change!.position);
      expect(asked).toHaveBeenCalledTimes(1);
      took.mockRestore();
      // An answer that took a second is good for fifty.
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 10_000);
      await untilHere(source, change!.position);
      expect(asked).toHaveBeenCalledTimes(1);
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
      await untilHere(source, change!.position);
      expect(asked).toHaveBeenCalledTimes(2);
      jest.restoreAllMocks();
    }));

  it('is looked for with one question to the oplog at a time', async () => {
    const client = await MongoClient.connect(server(), { runtimeAdapters: { os }, monitorCommands: true });
    try {
      let [open, most, asked] = [0, 0, 0];
      client.on('commandStarted', ({ commandName }) => {
        if (commandName !== 'find') return;
        asked += 1;
        most = Math.max(most, (open += 1));
      });
      client.on('commandSucceeded', ({ commandName }) => {
        if (commandName === 'find') open -= 1;
      });
      const deployment = new Deployment(client);
      const newest = await deployment.oplogTime('newest', soon());
      // Connections that two questions could go over at once.
      await Promise.all([1, 2, 3].map(() => client.db('admin').command({ ping: 1 })));
      const answers = await Promise.all([deployment.oplogTime('oldest', soon()), deployment.oplogHas(newest!, soon())]);
      expect(answers).toEqual([expect.anything(), true]);
      expect([asked, most]).toEqual([3, 1]);
    } finally {
      await client.close();
    }
  });

  it('is seen when a position lies ahead of all that the source has', () =>
    withSource({}, async ({ source }) => {
      const here = await source.currentPosition(soon());
      const ahead = { ...here, token: { ...(here.token as { data: string }), time: '4000000000:1' } };
      expect(await codeOf(collect(source, ahead, () => true))).toBe('needs_attention source_behind');
    }));

  it('is not feared of an oplog that is young, and foreseen of one that is full', async () => {
    await withShortLog(async ({ source }) => {
      const { keepsMs, oldestMs, newestMs } = await source.window(soon());
      expect({ keepsMs, isYoung: newestMs - oldestMs < 60_000 }).toEqual({ keepsMs: null, isYoung: true });
      const findings = await source.inspect(soon());
      expect(findings.filter(({ code }) => code === 'short_window')).toEqual([]);
    });
    await withShortLog(async ({ source, other }) => {
      await other.collection('b').insertMany(Array.from({ length: 1_200 }, (_, value) => ({ value })));
      const { keepsMs, oldestMs, newestMs } = await source.window(soon());
      expect(keepsMs).toBe(newestMs - oldestMs);
      expect((await source.inspect(soon())).map(({ code }) => code)).toContain('short_window');
    });
  });

  it('is seen when the oplog has rolled over a position', () =>
    withShortLog(async (fixture) => {
      const from = await fixture.source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 0, value: 0 });
      const [change] = changesOf(await untilHere(fixture.source, from));
      await fixture.fill(
        'a',
        Array.from({ length: 1_200 }, (_, index) => index + 1),
      );
      await fixture.write({ in: 'a', key: 0, value: 1 });
      const stream = collect(fixture.source, change!.position, (events) => changesOf(events).length >= 1_201, DELTAS);
      await expect(stream).rejects.toMatchObject({
        kind: 'needs_attention',
        code: 'history_lost',
        message: expect.stringMatching(/after \d{4}-.*: its log begins at \d{4}-/u) as string,
      });
    }));

  it('is seen when the oplog has rolled over a stream that was not read for a while, though nothing else came to it', () =>
    withShortLog(async (fixture) => {
      const from = await fixture.source.currentPosition(soon());
      const stream = fixture.source.stream(from, DELTAS, soon())[Symbol.asyncIterator]();
      expect((await stream.next()).value).toMatchObject({ type: 'idle' });
      await fixture.write({ in: 'a', key: 0, value: 0 });
      await fixture.other.collection('b').insertMany(Array.from({ length: 1_200 }, (_, value) => ({ value })));
      jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
      await expect(stream.next()).rejects.toMatchObject({ kind: 'needs_attention', code: 'history_lost' });
    }));

  it('is seen where the oplog takes too long to be asked for its oldest entry again', () =>
    withShortLog(async (fixture) => {
      const asked = jest.spyOn(Deployment.prototype, 'oplogTime');
      const from = await fixture.source.currentPosition(soon());
      const slow = { failCommands: ['find'], blockConnection: true, blockTimeMS: 150 };
      await using _slow = await failPoint(fixture.uri, 'test', slow);
      for (let times = 0; times < 3; times++) await fixture.source.check(from, soon());
      expect(asked).toHaveBeenCalledTimes(1);
      await fixture.other.collection('b').insertMany(Array.from({ length: 1_200 }, (_, value) => ({ value })));
      expect(await codeOf(fixture.source.check(from, soon()))).toBe('needs_attention history_lost');
    }));

  describe.each([
    ['by a change stream', 9],
    ['in another way', 40647],
  ])('with a token that is refused %s', (_, code) => {
    const refuse = () =>
      jest.spyOn(ChangeStreams.prototype, 'openAfter').mockRejectedValue(new MongoServerError({ code, message: 'no' }));

    it('is no loss where the time of the token is still there', () =>
      withShortLog(async (fixture) => {
        const from = await fixture.source.currentPosition(soon());
        await fixture.write({ in: 'a', key: 0, value: 0 });
        refuse();
        await expect(fixture.source.check(from, soon())).resolves.toBeUndefined();
        expect(changesOf(await untilHere(fixture.source, from))).toHaveLength(1);
      }));

    it('is seen by the oldest entry as of now', () =>
      withShortLog(async (fixture) => {
        const from = await fixture.source.currentPosition(soon());
        await fixture.source.window(soon());
        await fixture.other.collection('b').insertMany(Array.from({ length: 1_200 }, (_each, value) => ({ value })));
        refuse();
        expect(await codeOf(fixture.source.check(from, soon()))).toBe('needs_attention history_lost');
      }));
  });

  it('is not claimed by what was so some time ago', () =>
    withShortLog(async (fixture) => {
      const from = await fixture.source.currentPosition(soon());
      jest.spyOn(Deployment.prototype, 'oldest').mockResolvedValue(new Timestamp({ t: 4_000_000_000, i: 1 }));
      await expect(fixture.source.check(from, soon())).resolves.toBeUndefined();
    }));

  it('leaves a server that is away to be asked again', () =>
    withShortLog(async (fixture) => {
      const from = await fixture.source.currentPosition(soon());
      jest
        .spyOn(ChangeStreams.prototype, 'openAfter')
        .mockRejectedValue(new MongoServerError({ code: 189, message: 'no primary' }));
      expect(await codeOf(fixture.source.check(from, soon()))).toMatch(/^retry /u);
    }));
});
