import { waitFor } from '../../src/servers/wait';
import { CoreStream } from '../support/core';
import { Witness } from '../support/witness';
import { never, open, deadLetters, rotate, rows, copied, type Row } from './rejected-context';

describe('a unique index in force', () => {
  it.each([
    ['two', [1, 2]],
    ['three', [1, 2, 3]],
    ['seven', [1, 2, 3, 4, 5, 6, 7]],
  ])('lets values move between %s rows, and no reader sees a row missing or going back', async (_name, ids) => {
    await using t = await open({ also: 'source', batchSize: 3 });
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 1000 + round, round);
    await t.catchUp();
    await t.expectSame();
    expect(t.events).toContain('collision');
    expect(await deadLetters(t)).toEqual([]);
    expect(await witness.regressions('v')).toEqual([]);
  });

  it('lets values move while the stream runs, over crashes', async () => {
    await using t = await open({ also: 'source', batchSize: 5 });
    const ids = [1, 2, 3, 4];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    for (let crash = 0; crash < 4; crash += 1)
      await t.running(async () => {
        let counted: Promise<unknown> = Promise.resolve();
        for (let round = 1; round <= 5; round += 1) {
          counted = counted.then(async () => expect(await copied(t)).toHaveLength(ids.length));
          await rotate(t, ids, 2000 + crash * 10 + round, crash * 10 + round);
        }
        await counted;
      });
    await t.catchUp();
    await t.expectSame();
    expect(await deadLetters(t)).toEqual([]);
    expect(await witness.regressions('v')).toEqual([]);
  });

  it('tells a true conflict from values that move beside it', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany([1, 2, 3, 4, 5].map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await rotate(t, [1, 2, 3], 1000, 1);
    await rows(t).updateOne({ _id: 5 }, { $set: { u: 4 } });
    await rotate(t, [1, 2, 3], 1001, 2);
    await t.catchUp();
    expect((await deadLetters(t)).map(({ code, op }) => [code, op])).toEqual([['duplicate_key', 'update']]);
    const wanted = (await rows(t).find().sort({ _id: 1 }).toArray()).map((row) =>
      row._id === 5 ? { ...row, u: 5 } : row,
    );
    expect(await copied(t)).toEqual(wanted);
  });

  it('lets values move where every update is read again', async () => {
    await using t = await open({ also: 'source', updates: 'row', batchSize: 3 });
    const ids = [1, 2, 3];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 1000 + round, round);
    await t.catchUp();
    await t.expectSame();
    expect(await deadLetters(t)).toEqual([]);
  });
});

describe('a unique index that a copy is in the way of', () => {
  it('is built by the stream once it is in step', async () => {
    await using t = await CoreStream.open({ uniqueIndexes: 'in_force' });
    await rows(t).createIndex({ u: 1 }, { unique: true }, {});
    await rows(t).insertMany([1, 2, 3].map((id) => ({ _id: id, u: id })));
    await t.copy();
    await rows(t).updateOne({ _id: 1 }, { $set: { u: 100 } });
    await rows(t).updateOne({ _id: 2 }, { $set: { u: 1 } });
    t.overlapEnd = await t.source.currentPosition(never);
    // As a copy leaves it that has read the second row later than the first one.
    await t.destinationDb.collection<Row>('rows').updateOne({ _id: 2 }, { $set: { u: 1 } });
    const claim = await t.claim('existing');
    await claim.index(await t.source.namespaces(never), () => undefined, never);
    expect(t.events).toContain('index_waits');
    expect(t.events).not.toContain('index_refused');
    const isThere = async (): Promise<true | undefined> =>
      (await t.destinationDb.collection('rows').indexes()).some(({ key, unique }) => 'u' in key && unique) || undefined;
    expect(await isThere()).toBeUndefined();
    await t.running(() => waitFor(isThere, { what: 'the unique index', timeoutMs: 30_000 }));
    await t.expectSame();
  });

  it('is left to the end where rows violate it for good', async () => {
    await using t = await CoreStream.open({ uniqueIndexes: 'in_force' });
    await rows(t).createIndex({ u: 1 }, { unique: true }, {});
    await rows(t).insertMany([1, 2].map((id) => ({ _id: id, u: id })));
    await t.copy();
    t.overlapEnd = await t.source.currentPosition(never);
    await t.destinationDb.collection<Row>('rows').insertOne({ _id: 3, u: 1 });
    const claim = await t.claim('existing');
    await claim.index(await t.source.namespaces(never), () => undefined, never);
    const isRefused = (): Promise<true | undefined> => Promise.resolve(t.events.includes('index_refused') || undefined);
    await t.running(() => waitFor(isRefused, { what: 'the end of all tries', timeoutMs: 60_000 }));
    expect(t.events.filter((event) => event === 'index_waits').length).toBeGreaterThan(1);
    const found = await (await t.claim('existing')).finalize(await t.source.namespaces(never), never);
    expect(found).toMatchObject([{ code: 'unique_violation' }]);
  });
});

describe('a unique index in force while rows are looked up', () => {
  it('waits until the stream is where they were read', async () => {
    await using t = await open({ also: 'source', updates: 'row', batchSize: 2 });
    Object.defineProperty(t.destination, 'traits', { value: { ...t.destination.traits, maxChanges: 2 } });
    const ids = [1, 2, 3, 4, 5];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 3000 + round, round);
    await t.running(async () => {
      for (let round = 11; round <= 40; round += 1) await rotate(t, ids, 3000 + round, round);
    });
    await t.catchUp();
    await t.expectSame();
    expect(await deadLetters(t)).toEqual([]);
  });
});
