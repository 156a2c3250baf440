import { CoreStream } from '../support/core';
import { Witness } from '../support/witness';
import { moves, open, rows, unique } from './looked-up-context';

const never = new AbortController().signal;

describe('a row that is looked up, and holds what another row gives up behind', () => {
  it('a schema change, is written', async () => {
    await using t = await open({ updates: 'row' });
    await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
    await t.sourceDb.createCollection('other');
    await moves(t);
    await t.catchUp();
    await t.expectSame();
  });

  it('a schema change in the overlap of a copy, is written', async () => {
    await using t = await CoreStream.open({ lanes: 2 });
    await rows(t).insertMany([1, 2].map((id) => ({ _id: id, u: id })));
    const planning = await t.claim();
    await planning.advance(await t.source.currentPosition(never), never);
    await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
    await t.sourceDb.createCollection('other');
    await t.copy();
    await unique(t);
    await moves(t);
    await t.catchUp();
    await t.expectSame();
  });
});

describe('rows that are looked up', () => {
  it('after their collection was renamed, are found whether or not the server knows it by its identity', async () => {
    await using t = await CoreStream.open({ lanes: 2 });
    await rows(t).insertMany([1, 2, 3].map((id) => ({ _id: id, u: { 0: id } })));
    await t.copy();
    await t.catchUp();
    // A path that may mean two things.
    await rows(t).updateOne({ _id: 2 }, { $set: { 'u.0': 5 } });
    await rows(t).rename('renamed');
    await rows(t).insertOne({ _id: 2, another: true });
    await t.catchUp();
    await t.expectSame();
  });
});

describe('a row that was looked up', () => {
  it('never goes back, whatever comes after it', async () => {
    await using t = await CoreStream.open({ lanes: 4 });
    await t.copy();
    await t.catchUp();
    await rows(t).insertMany(Array.from({ length: 30 }, (_, i) => ({ _id: i, v: 0, n: { 0: 0 } })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    // Steps so small that changes of one row come in many of them.
    Object.defineProperty(t.destination, 'traits', { value: { ...t.destination.traits, maxChanges: 5 } });
    const lookup = jest.spyOn(t.source, 'lookup');
    // A name that may also be an index of an array.
    const doubtful = (v: number) => ({ $set: { 'n.0': v, v } });
    const all = Array.from({ length: 30 }, (_, i) => i);
    for (let round = 1; round <= 8; round += 1) {
      for (const _id of all) {
        const v = round * 10;
        if (_id % 3 === 0) await rows(t).updateOne({ _id }, doubtful(v));
        else if (_id % 3 === 1) await rows(t).replaceOne({ _id }, { v, n: { 0: round } });
        await rows(t).updateOne({ _id }, { $set: { v: v + 1 } });
        if (_id % 5 === 0) await rows(t).updateOne({ _id }, doubtful(v + 2));
      }
    }
    const until = await t.source.currentPosition(never);
    // Longer each time: a slow machine may not come to write anything in the first ones.
    for (let sliceMs = 60; ; sliceMs *= 1.2) {
      const outcome = await t.leg({ until, sliceMs });
      if (outcome.reason === 'reached') break;
    }
    await t.expectSame();
    expect(lookup).toHaveBeenCalled();
    expect(await witness.regressions('v')).toEqual([]);
  });
});
