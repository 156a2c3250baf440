import { CoreStream } from '../support/core';
import { ownServers } from '../support/own-servers';
import { moves, open, rows, type Row } from './looked-up-context';

const servers = ownServers();

describe('rows that are looked up, and are much larger than their changes,', () => {
  it('are written in commands that a server takes', async () => {
    await using t = await CoreStream.open({ ...servers(), lanes: 1, updates: 'row' });
    for (let _id = 0; _id < 60; _id += 1) await rows(t).insertOne({ _id, text: 'x'.repeat(1_000_000) });
    await t.copy();
    await t.catchUp();
    await rows(t).updateMany({}, { $set: { w: 1 } });
    await t.catchUp();
    await t.expectSame();
  }, 60_000);
});

test('a row that is looked up is written, though another one gives up its value behind more changes than a leg reads ahead', async () => {
  await using t = await open({ ...servers(), updates: 'row' });
  await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
  const filler = Array.from({ length: 1000 }, (_, i) => ({
    insertOne: { document: { _id: 100 + i, u: 100 + i } },
  }));
  await rows(t).bulkWrite(filler);
  for (let n = 0; n < 21; n += 1) await rows(t).updateMany({ _id: { $gte: 100 } }, { $inc: { n: 1 } });
  await moves(t);
  await t.catchUp();
  await t.expectSame();
}, 120_000);

describe('rows that collide, and are much larger than their changes,', () => {
  const large = Array.from({ length: 40 }, (_, i) => ({ _id: 100 + i, u: 100 + i, text: 'x'.repeat(1_000_000) }));

  /** The most that any look-up was allowed, in bytes. */
  const limitOf = (lookUps: jest.SpiedFunction<CoreStream['source']['lookup']>): number =>
    Math.max(...lookUps.mock.calls.map(([, maxBytes]) => maxBytes));

  it('with much behind them, are written in commands that a server takes', async () => {
    await using t = await open({ ...servers(), updates: 'row' });
    await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
    for (let i = 0; i < 30; i += 1)
      await rows(t).replaceOne({ _id: 100 + i }, { u: 100 + i, text: 'x'.repeat(4_000_000) }, { upsert: true });
    await moves(t);
    await t.catchUp();
    await t.expectSame();
  }, 60_000);

  it('are read and written in parts', async () => {
    await using t = await open({ ...servers(), updates: 'row' });
    await rows(t).insertMany(large);
    await t.catchUp();
    const lookUps = jest.spyOn(t.source, 'lookup');
    await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
    await rows(t).updateMany({ _id: { $gte: 100 } }, { $set: { w: 1 } });
    await moves(t);
    await t.catchUp();
    await t.expectSame();
    expect(limitOf(lookUps)).toBeLessThanOrEqual(16 * 1024 * 1024);
  }, 60_000);

  it('are read and written in parts also where the destination lacks them', async () => {
    await using t = await open(servers());
    await rows(t).updateOne({ _id: 2 }, { $set: { m: { 0: 1 } } });
    await rows(t).insertMany(large);
    await t.catchUp();
    await t.destinationDb.collection<Row>('rows').deleteMany({ _id: { $gte: 100 } });
    const lookUps = jest.spyOn(t.source, 'lookup');
    // A path that may mean two things.
    await rows(t).updateOne({ _id: 2 }, { $set: { 'm.0': 5 } });
    await rows(t).updateMany({ _id: { $gte: 100 } }, { $set: { w: 1 } });
    await moves(t);
    await t.catchUp();
    await t.expectSame();
    expect(limitOf(lookUps)).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(t.events).toContain('delta_missed');
  }, 60_000);
});
