import type { Document } from 'mongodb';
import type { Pipeline as PipelineType } from '../support/pipeline';
import { KEYS, perform, SHAPES } from '../support/operations';
import { Pipeline } from '../support/pipeline';
import { uniqueName } from '../support/servers';
import { Witness } from '../support/witness';

const rows = (count: number, from = 0): Document[] =>
  Array.from({ length: count }, (_, i) => ({ _id: (from + i) as never, n: 0, text: `row ${from + i}` }));

async function indexNames(pipeline: PipelineType, collection: string): Promise<string[]> {
  const indexes = await pipeline.destination.collection(collection).listIndexes().toArray();
  return indexes.map(({ name }) => String(name)).sort();
}

describe('a stream', () => {
  it('copies what is there and follows what comes, byte for byte, whatever the names and the types', async () => {
    await using t = await Pipeline.open({
      seed: async (source) => {
        await source.collection('orders.eu').insertMany(rows(3000));
        for (let key = 0; key < KEYS.length; key += 1) {
          await perform(source, { op: 'insert', collection: 'odd-ones', key, value: key + 1 });
        }
        await source.createCollection('empty');
      },
    });
    await t.run();
    await t.expectSame();
    const view = await t.status();
    expect(view).toMatchObject({ status: 'replicating', failures: 0, copy: { rows: 3000 + KEYS.length } });

    for (let shape = 0; shape < SHAPES; shape += 1) {
      for (let key = 0; key < KEYS.length; key += 3) {
        await perform(t.source, { op: 'update', collection: 'odd-ones', key, shape, value: shape + 100 });
      }
    }
    await t.source.collection('orders.eu').updateMany({ n: 0 }, { $inc: { n: 1 } });
    await t.source.collection('orders.eu').deleteMany({ _id: { $lt: 500 as never } });
    await perform(t.source, { op: 'transaction', collection: 'odd-ones', keys: [1, 4, 7], value: 5 });
    await perform(t.source, { op: 'insert', collection: 'new.born', key: 5, value: 7 });
    await t.source.collection('empty').drop();
    await t.caughtUp();
    await t.expectSame();
  });

  it('builds plain indexes after the copy and puts unique and expiring ones in force when it is finalized', async () => {
    await using t = await Pipeline.open({
      seed: async (source) => {
        await source.collection('orders').createIndexes([{ key: { n: 1 }, name: 'plain' }]);
        await source.collection('orders').createIndexes([{ key: { email: 1 }, name: 'unique', unique: true }]);
        await source
          .collection('orders')
          .createIndexes([{ key: { at: 1 }, name: 'expiring', expireAfterSeconds: 86_400 }]);
        await source.collection('orders').insertMany([
          { _id: 1 as never, email: 'a', n: 1 },
          { _id: 2 as never, email: 'b', n: 2 },
        ]);
      },
    });
    await t.run();
    expect(await indexNames(t, 'orders')).toEqual(['_id_', 'plain']);

    // Values that change places would be refused by a unique index in one order of lanes or the other.
    await t.source.collection('orders').updateOne({ _id: 1 as never }, { $set: { email: 'c' } });
    await t.source.collection('orders').updateOne({ _id: 2 as never }, { $set: { email: 'a' } });
    const { view, findings } = await t.finalize();
    expect(view).toMatchObject({ status: 'finalized', phase: 'ended' });
    expect(findings).toEqual([]);
    expect(await t.result()).toMatchObject({ status: 'finalized' });
    await t.expectSame();
    expect(await indexNames(t, 'orders')).toEqual(['_id_', 'expiring', 'plain', 'unique']);
    await expect(t.destination.collection('orders').insertOne({ email: 'a' })).rejects.toMatchObject({ code: 11000 });
  });

  it('reports what finalizing could not put in force', async () => {
    await using t = await Pipeline.open({
      stream: { snapshot: { on_existing: 'merge' } },
      seed: async (source) => {
        await source.collection('orders').createIndexes([{ key: { email: 1 }, name: 'unique', unique: true }]);
        await source.collection('orders').insertOne({ _id: 1 as never, email: 'a' });
      },
    });
    await t.destination.collection('orders').insertOne({ _id: 99 as never, email: 'a' });
    await t.run();
    const { view, findings } = await t.finalize();
    expect(view.status).toBe('finalized');
    expect(findings).toMatchObject([
      { severity: 'error', code: 'unique_violation', namespace: `${t.source.databaseName}.orders` },
    ]);
    expect(findings[0]?.remedy).not.toBe('');
  });

  it('goes on where it was when it is started again after a stop, without a new copy', async () => {
    await using t = await Pipeline.open({ seed: (source) => source.collection('orders').insertMany(rows(500)) });
    await t.run();
    expect(await t.stop()).toMatchObject({ status: 'stopped', phase: 'ended' });
    await t.source.collection('orders').updateOne({ _id: 3 as never }, { $inc: { n: 1 } });
    await t.source.collection('orders').deleteOne({ _id: 4 as never });

    await using witness = await Witness.open(t.destination);
    await t.run();
    await t.expectSame();
    // Two changes and not a row more; the update may lie in the overlap of the copy, and is then read again.
    const writes = (await witness.seen()).map(({ op, id }) => `${op} ${String(id)}`);
    expect(writes.sort()).toEqual(['delete 4', expect.stringMatching(/^(update|replace) 3$/)]);
    expect((await t.status()).epoch).toBeGreaterThan(1);
  });

  describe('meets rows at the destination', () => {
    const seed = (source: { collection: PipelineType['source']['collection'] }) =>
      source.collection('orders').insertMany(rows(20));
    const occupy = (t: PipelineType) =>
      t.destination.collection('orders').insertMany([
        { _id: 5 as never, stale: true },
        { _id: 1000 as never, foreign: true },
      ]);

    it('and refuses, until it is told to merge', async () => {
      await using t = await Pipeline.open({ seed });
      await occupy(t);
      await t.start();
      const { failure } = await t.needsAttention('destination_not_empty');
      expect(failure?.remedy).toContain('merge');
      expect(await t.destination.collection('orders').countDocuments()).toBe(2);

      await t.reconfigure({ stream: { snapshot: { on_existing: 'merge' } } });
      await t.caughtUp();
      expect(await t.destination.collection('orders').findOne({ _id: 1000 as never })).toMatchObject({ foreign: true });
      await t.destination.collection('orders').deleteOne({ _id: 1000 as never });
      await t.expectSame();
    });

    it('and replaces them when told so', async () => {
      await using t = await Pipeline.open({ seed, stream: { snapshot: { on_existing: 'replace' } } });
      await occupy(t);
      await t.run();
      await t.expectSame();
    });
  });

  it('copies and ends by itself with the snapshot mode "only"', async () => {
    await using t = await Pipeline.open({
      stream: { snapshot: { mode: 'only' } },
      seed: async (source) => {
        await source.collection('orders').createIndexes([{ key: { n: 1, text: 1 }, name: 'unique', unique: true }]);
        await source.collection('orders').insertMany(rows(700));
      },
    });
    await t.start();
    expect(await t.result()).toMatchObject({ status: 'finalized', copy: { rows: 700 } });
    await t.expectSame();
    expect(await indexNames(t, 'orders')).toEqual(['_id_', 'unique']);
  });

  it('copies nothing with the snapshot mode "never", and follows from now on', async () => {
    await using t = await Pipeline.open({
      stream: { snapshot: { mode: 'never' } },
      seed: (source) => source.collection('orders').insertMany(rows(5)),
    });
    await t.run();
    await t.source.collection('orders').insertOne({ _id: 77 as never, n: 1 });
    await t.source.collection('orders').updateOne({ _id: 2 as never }, { $inc: { n: 1 } });
    await t.source.collection('orders').deleteOne({ _id: 3 as never });
    await t.caughtUp();
    const there = await t.destination
      .collection('orders')
      .find({}, { sort: { _id: 1 } })
      .toArray();
    // A row that was never copied comes whole with its first change.
    expect(there).toEqual([
      { _id: 2, n: 1, text: 'row 2' },
      { _id: 77, n: 1 },
    ]);
  });

  it('follows what a reconfigure adds, and takes other batch sizes and lanes, while it runs', async () => {
    await using t = await Pipeline.open({
      source: { collections: ['orders'] },
      seed: async (source) => {
        await source.collection('orders').insertMany(rows(50));
        await source.collection('customers').insertMany(rows(400));
      },
    });
    await t.run();
    expect(await t.destination.listCollections({ name: 'customers' }).toArray()).toEqual([]);

    const changed = {
      source: { collections: ['orders', 'cust*'] },
      destination: { options: { lanes: 7 } },
      stream: { batch_size: 17 },
    };
    const view = await t.reconfigure(changed);
    expect(view.revision).toBe(1);
    await t.source.collection('customers').insertMany(rows(10, 1000));
    await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
    await t.caughtUp();
    await t.expectSame();

    await t.reconfigure({ ...changed, destination: { options: { lanes: 2 } } });
    await t.source.collection('orders').updateMany({}, { $inc: { n: 1 } });
    await t.source.collection('customers').deleteMany({ _id: { $lt: 200 as never } });
    await t.caughtUp();
    await t.expectSame();
    expect((await t.status()).status).toBe('replicating');

    await expect(t.reconfigure({ destination: { database: 'elsewhere' } })).rejects.toMatchObject({
      cause: { type: 'needs_restart' },
    });
  });

  it('repairs a damaged destination when it is restarted from its snapshot, deletes included', async () => {
    await using t = await Pipeline.open({ seed: (source) => source.collection('orders').insertMany(rows(300)) });
    await t.run();
    await t.destination.collection('orders').deleteMany({ _id: { $lt: 100 as never } });
    await t.destination.collection('orders').updateMany({ _id: { $gt: 250 as never } }, { $set: { damaged: true } });
    await t.destination.collection('orders').insertOne({ _id: 'a stray' as never });
    await t.source.collection('orders').insertOne({ _id: 5000 as never });

    await t.restart();
    await t.caughtUp();
    await t.expectSame();
    await t.source.collection('orders').updateMany({}, { $set: { after: true } });
    await t.caughtUp();
    await t.expectSame();
  });

  it('writes to the names that it is told to', async () => {
    const archive = uniqueName('archive');
    await using t = await Pipeline.open({
      database: 'shop',
      seed: async (source) => {
        await source.collection('orders').insertMany(rows(20));
        await source.collection('log.2024').insertMany(rows(20));
      },
      destination: { namespaces: {} },
    });
    const { databaseName: shop } = t.source;
    const namespaces = { [`${shop}.orders`]: `${archive}.orders_eu`, [`${shop}.log.*`]: `${archive}.old.*` };
    await t.start({ destination: { namespaces } });
    await t.caughtUp();
    await t.source.collection('orders').deleteOne({ _id: 1 as never });
    await t.source.collection('log.2024').rename('log.2025');
    await t.caughtUp();
    const there = t.destination.client.db(archive);
    expect(await there.collection('orders_eu').countDocuments()).toBe(19);
    expect(await there.collection('old.2025').countDocuments()).toBe(20);
    expect((await there.listCollections().toArray()).map(({ name }) => name).sort()).toEqual(['old.2025', 'orders_eu']);
    await there.dropDatabase();
  });
});
