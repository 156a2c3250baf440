import type { Collection, Document } from 'mongodb';
import { CoreStream } from '../support/core';

const LOOSE = { collation: { locale: 'en', strength: 2 } };
const RULE = { validator: { n: { $gte: 0 } } };

const optionsOf = async (t: CoreStream, name: string): Promise<Document> => {
  const [listed] = await t.destinationDb.listCollections({ name }).toArray();
  return (listed as { options?: Document } | undefined)?.options ?? {};
};

/** In step, and between two legs. */
async function stopped(options: { readonly renameOut?: 'drop' } = {}): Promise<CoreStream> {
  const t = await CoreStream.open(options);
  await t.sourceDb.collection('orders').insertOne({ _id: 1 as never });
  await t.copy();
  await t.catchUp();
  return t;
}

const fill = (collection: Collection, ...ids: readonly unknown[]) =>
  collection.insertMany(ids.map((_id, n) => ({ _id: _id as never, n })));

describe('a collection that is created while its stream is stopped', () => {
  it('has its options, rows and later changes once the stream goes on', async () => {
    await using t = await stopped();
    const made = await t.sourceDb.createCollection('made', { ...LOOSE, ...RULE });
    await fill(made, 'a', 'b', 3);
    await made.updateOne({ _id: 'a' as never }, { $set: { n: 7 } });
    await made.deleteOne({ _id: 3 as never });
    await t.catchUp();
    await t.expectSame();
    expect(await optionsOf(t, 'made')).toMatchObject({ collation: { strength: 2 }, ...RULE });
  });

  it('and dropped, and created again with other options, ends as the last one', async () => {
    await using t = await stopped();
    // Two rows here, of which the collation that comes would make one.
    await fill(await t.sourceDb.createCollection('made', RULE), 'a', 'A', 'b');
    await t.sourceDb.collection('made').drop();
    const last = await t.sourceDb.createCollection('made', LOOSE);
    await fill(last, 'b');
    await t.catchUp();
    await t.expectSame();
    const options = await optionsOf(t, 'made');
    expect(options).toMatchObject({ collation: { strength: 2 } });
    expect(options).not.toHaveProperty('validator');
    expect(t.events).not.toContain('change_rejected');
  });

  it('the other way round: rows that were one to the first are two to the last', async () => {
    await using t = await stopped();
    await fill(await t.sourceDb.createCollection('made', LOOSE), 'a', 'b');
    await t.sourceDb.collection('made').drop();
    await fill(await t.sourceDb.createCollection('made', RULE), 'a', 'A');
    await t.catchUp();
    await t.expectSame();
    expect(await optionsOf(t, 'made')).not.toHaveProperty('collation');
    expect(t.events).not.toContain('change_rejected');
  });

  it('is made once by a stream that is restarted from the snapshot, whose log still tells of it', async () => {
    await using t = await stopped();
    const made = await t.sourceDb.createCollection('made', LOOSE);
    await fill(made, 'a', 'b');
    await t.copy([`${t.sourceDb.databaseName}.made`]);
    await made.updateOne({ _id: 'a' as never }, { $set: { n: 5 } });
    await t.catchUp();
    await t.expectSame();
    expect(await optionsOf(t, 'made')).toMatchObject({ collation: { strength: 2 } });
  });

  it('and is gone again before the stream goes on leaves nothing', async () => {
    await using t = await stopped();
    await fill(await t.sourceDb.createCollection('made', LOOSE), 'a', 'A2');
    await t.sourceDb.collection('made').drop();
    await t.catchUp();
    await t.expectSame();
    expect(await t.destinationDb.listCollections({ name: 'made' }).toArray()).toEqual([]);
  });
});
