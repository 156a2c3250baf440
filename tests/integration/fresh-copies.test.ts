import { document, header } from '../../src/formats/bson/build';
import { keyOfRow } from '../../src/formats/bson/key';
import { forever, rows, standing } from './standing';

describe('rows of which a fresh copy was asked for', () => {
  const key = (id: number) => {
    const value = Buffer.alloc(4);
    value.writeInt32LE(id);
    return keyOfRow(document([header(0x10, '_id'), value]));
  };

  it('are replaced, made or deleted by the stream, also on a silent source', async () => {
    await using t = await standing();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await t.catchUp();
    await t.expectSame();
    const target = t.destinationDb.collection('orders');
    const namespace = `${t.sourceDb.databaseName}.orders`;
    const stop = new AbortController();
    const leg = t.leg({ signal: stop.signal });
    await target.deleteOne({ _id: 1 as never });
    await target.updateOne({ _id: 2 as never }, { $set: { n: 9 } });
    await target.insertOne({ _id: 77 as never });
    const asks = [1, 2, 77].map((id) => ({ namespace, key: key(id), reason: 'verify' as const }));
    await t.destination.askRepairs(t.id, asks, forever);
    while ((await t.destination.repairsLeft(t.id, forever)) > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await t.expectSame();
    stop.abort();
    await leg;
  });

  it('are owed by a leg that was told where to end', async () => {
    await using t = await standing();
    await t.sourceDb.collection('orders').insertMany(rows(1_200));
    await t.catchUp();
    const namespace = `${t.sourceDb.databaseName}.orders`;
    await t.destinationDb.collection('orders').deleteMany({});
    const asks = rows(1_200).map((_, id) => ({ namespace, key: key(id), reason: 'verify' as const }));
    await t.destination.askRepairs(t.id, asks, forever);
    const { reason } = await t.leg({ until: await t.source.currentPosition(forever) });
    expect(reason).toBe('reached');
    expect(await t.destination.repairsLeft(t.id, forever)).toBe(0);
    await t.expectSame();
  });

  it('are struck out, and make no target, where nothing is there by now', async () => {
    await using t = await standing();
    await t.catchUp();
    const namespace = `${t.sourceDb.databaseName}.gone`;
    const stop = new AbortController();
    const leg = t.leg({ signal: stop.signal });
    await t.destination.askRepairs(t.id, [{ namespace, key: key(1), reason: 'verify' }], forever);
    while ((await t.destination.repairsLeft(t.id, forever)) > 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await t.destinationDb.listCollections({ name: 'gone' }).toArray()).toEqual([]);
    stop.abort();
    await leg;
  });
});

describe('a parked namespace', () => {
  it('is left out while the others go on, and is mended when it is resumed', async () => {
    await using t = await standing();
    const database = t.sourceDb.databaseName;
    const orders = `${database}.orders`;
    for (const name of ['orders', 'items-2']) await t.sourceDb.collection(name).insertMany(rows(20));
    await t.catchUp();
    const claim = await t.claim('existing');
    await claim.park([{ namespace: orders, code: 'c', message: 'm', remedy: 'r', at: 'now' }], forever);
    await t.sourceDb.collection('orders').updateMany({}, { $set: { n: 1 } });
    await t.sourceDb.collection('orders').deleteOne({ _id: 3 as never });
    await t.sourceDb.collection('items-2').updateMany({}, { $set: { n: 1 } });
    await t.catchUp();
    const target = t.destinationDb.collection('orders');
    expect(await target.countDocuments({ n: 0 })).toBe(20);
    expect(await t.destinationDb.collection('items-2').countDocuments({ n: 1 })).toBe(20);
    const { parked } = await t.leg({ sliceMs: 1 });
    expect(parked).toMatchObject([{ namespace: orders, code: 'c' }]);
    await t.leg({ resume: [orders], until: await t.source.currentPosition(forever) });
    await t.expectSame();
    const { parked: still, ranges } = (await t.claim('existing')).ledger;
    expect(still).toEqual([]);
    // What is owed is known before it is copied, for the progress.
    expect(ranges).toContainEqual(
      expect.objectContaining({ namespace: orders, backfill: 'repair', estimatedRows: 19 }),
    );
  });

  it('goes when it is resumed and the source no longer has it', async () => {
    await using t = await standing();
    const orders = `${t.sourceDb.databaseName}.orders`;
    await t.sourceDb.collection('orders').insertMany(rows(20));
    await t.catchUp();
    const claim = await t.claim('existing');
    await claim.park([{ namespace: orders, code: 'c', message: 'm', remedy: 'r', at: 'now' }], forever);
    await t.sourceDb.collection('orders').drop();
    await t.catchUp();
    expect(await t.destinationDb.collection('orders').countDocuments()).toBe(20);
    await t.leg({ resume: [orders], until: await t.source.currentPosition(forever) });
    await t.expectSame();
  });
});
