import type { Db, Timestamp } from 'mongodb';
import { failPoint } from '../support/fail-point';
import { Pipeline } from '../support/pipeline';
import { privateMongo, privateTemporal } from '../support/servers';
import { waitFor } from '../../src/servers/wait';

const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ _id: (from + i) as never, n: 0, text: `row ${from + i}` }));

const seed = (source: Db) => source.collection('orders').insertMany(rows(300));

/** Some of everything, on both sides of `from`. */
async function change(source: Db, from: number): Promise<void> {
  await source.collection('orders').insertMany(rows(50, from));
  await source.collection('orders').updateMany({ _id: { $lt: 100 as never } }, { $inc: { n: 1 } });
  await source.collection('orders').deleteMany({ _id: { $gte: from as never, $lt: (from + 10) as never } });
}

it('Temporal restarts and is killed: the stream goes on by itself', async () => {
  await using temporal = await privateTemporal();
  await using t = await Pipeline.open({ temporal, seed });
  await t.run();
  for (const [round, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
    await temporal.kill(signal);
    await change(t.source, 1000 * (round + 1));
    await temporal.restart();
    // The client of this test has to find the server again as well.
    await waitFor(() => t.caughtUp().then(() => true), { what: `catching up after ${signal}`, timeoutMs: 60_000 });
    await t.expectSame();
  }
  // A leg that failed on the way is forgotten with the next one that ends well.
  await t.until('it replicates', ({ status }) => status === 'replicating');
  expect(t.worker.logged('worker.ready')).toHaveLength(1);
});

describe.each(['source', 'destination'] as const)('the %s', (side) => {
  it('restarts and is killed while the stream replicates: it retries and goes on', async () => {
    await using server = await privateMongo();
    await using t = await Pipeline.open({ [`${side}Uri`]: server.uri, seed });
    await t.run();
    for (const [round, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
      if (side === 'destination') await change(t.source, 1000 * (round + 1));
      await server.kill(signal);
      if (side === 'destination') await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
      await server.restart();
      await change(t.source, 1000 * (round + 5));
      await t.caughtUp();
      await t.expectSame();
    }
    expect(await t.status()).toMatchObject({ status: expect.stringMatching(/replicating|retrying/) as string });
    await t.until('recovery', ({ status, failures }) => status === 'replicating' && failures === 0);
  });

  it('is killed in the middle of the copy: it goes on from there', async () => {
    await using server = await privateMongo();
    const { uri } = server;
    await using t = await Pipeline.open({
      [`${side}Uri`]: uri,
      stream: { batch_size: 2 },
      seed: (source) => source.collection('orders').insertMany(rows(1000)),
    });
    const command = side === 'source' ? 'find' : 'insert';
    // The fault ends with its server.
    await using _slow = await failPoint(uri, t.id, {
      failCommands: [command, 'getMore'],
      blockConnection: true,
      blockTimeMS: 20,
    });
    await t.start();
    await waitFor(async () => ((await t.destination.collection('orders').countDocuments()) > 100 ? true : undefined), {
      what: 'the first rows',
      timeoutMs: 30_000,
    });
    await server.kill('SIGKILL');
    await server.restart();
    await t.caughtUp();
    await t.expectSame();
  });
});

it('a history that is lost is said so and never repaired in silence; a restart from the snapshot repairs', async () => {
  await using source = await privateMongo({ oplogMaxEntries: 300, oplogRetentionSeconds: 1 });
  await using t = await Pipeline.open({ sourceUri: source.uri, seed });
  await t.run();
  await t.pause();
  await t.source.collection('orders').deleteMany({ _id: { $lt: 20 as never } });
  const oplog = t.source.client.db('local').collection<{ ts: Timestamp }>('oplog.rs');
  const end = async (which: 1 | -1) =>
    (await oplog.find().sort({ $natural: which }).limit(1).next())?.ts.toBigInt() ?? 0n;
  const missed = await end(-1);
  await waitFor(
    async () => {
      await t.source.collection('orders').updateMany({ _id: { $gte: 20 as never } }, { $inc: { n: 1 } });
      return (await end(1)) > missed ? true : undefined;
    },
    { what: 'an oplog that begins after the deletes', timeoutMs: 30_000 },
  );
  await t.resume();
  const { failure } = await t.needsAttention('history_lost');
  expect(failure).toMatchObject({ kind: 'needs_attention' });
  expect(failure?.remedy).toMatch(/restart|snapshot/);
  // Nothing was done about it: the deletes are not there.
  expect(await t.destination.collection('orders').countDocuments()).toBe(300);
  await t.resume();
  await t.needsAttention('history_lost');

  await t.restart();
  await t.caughtUp();
  await t.expectSame();
});

describe('wrong credentials', () => {
  it('need attention until a reconfigure, or the database itself, corrects them', async () => {
    const right = 'right horse battery';
    await using server = await privateMongo({ auth: { username: 'tributary', password: right } });
    const { host, search } = new URL(server.uri.replace('mongodb:', 'http:'));
    const login = (username: string, variable: string) => [
      {
        id: 'target',
        type: 'username_password' as const,
        config: { username, password: `\${env:${variable}}` },
      },
    ];
    await using t = await Pipeline.open({
      destinationUri: server.uri,
      destination: { connection_string: '${env:PIPELINE_TARGET}', auth_id: 'target' },
      authentication: login('tributary', 'WRONG_PASSWORD'),
      env: { PIPELINE_TARGET: `mongodb://${host}/${search}`, WRONG_PASSWORD: 'wrong', RIGHT_PASSWORD: right },
      seed,
    });
    await t.start();
    const { failure } = await t.needsAttention('authentication_failed');
    expect(failure?.remedy).toContain('auth_id');
    await t.reconfigure({ authentication: login('tributary', 'RIGHT_PASSWORD') });
    await t.caughtUp();
    await t.expectSame();

    // A user that does not exist yet: made at the database, after which `resume` is enough.
    await t.reconfigure({ authentication: login('later', 'RIGHT_PASSWORD') });
    await t.needsAttention('authentication_failed');
    await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
    await t.destination.client.db('admin').command({ createUser: 'later', pwd: right, roles: ['root'] });
    await t.resume();
    await t.caughtUp();
    await t.expectSame();
  });
});

describe('a destination that refuses writes', () => {
  it('for a while: the stream says that it retries, and recovers by itself', async () => {
    await using server = await privateMongo();
    await using t = await Pipeline.open({ destinationUri: server.uri, seed });
    await t.run();
    for (const fault of [{ errorCode: 91 }, { closeConnection: true }, { errorCode: 14031 }]) {
      const failCommands = ['update', 'insert', 'delete'];
      {
        await using _refusing = await failPoint(server.uri, t.id, { failCommands, ...fault });
        await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
        const view = await t.until('a retry', ({ status, failures }) => status === 'retrying' && failures > 0);
        expect(view.failure?.kind).toBe('retry');
      }
      await t.caughtUp();
      await t.expectSame();
      await t.until('recovery', ({ failures }) => failures === 0);
    }
  });

  it('for want of a privilege: it needs attention, and goes on once that is granted', async () => {
    await using server = await privateMongo();
    await using t = await Pipeline.open({ destinationUri: server.uri, seed });
    await t.run();
    {
      await using _refusing = await failPoint(server.uri, t.id, { failCommands: ['update'], errorCode: 13 });
      await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
      const { failure } = await t.needsAttention('unauthorized');
      expect(failure?.remedy).toContain('Grant');
    }
    await t.resume();
    await t.caughtUp();
    await t.expectSame();
  });

  it('because of a unique index that was made by hand: it needs attention and names the namespace, and goes on without it', async () => {
    await using t = await Pipeline.open({ seed });
    await t.run();
    await t.destination.collection('orders').createIndexes([{ key: { text: 1 }, name: 'by hand', unique: true }]);
    await t.source.collection('orders').insertOne({ _id: 1000 as never, text: 'row 5' });
    const { failure } = await t.needsAttention('duplicate_key');
    expect(failure).toMatchObject({ kind: 'poison', namespace: `${t.source.databaseName}.orders` });
    await t.destination.collection('orders').dropIndex('by hand');
    await t.resume();
    await t.caughtUp();
    await t.expectSame();
  });
});
