import { CoreStream, type CoreOptions } from '../support/core';
import { copied, duplicateIn, deadLetters, never, refusing, rows, states } from './rejected-context';

/** Nothing is copied yet, and the destination has a unique index on `u` that the source knows nothing of. */
async function beforeCopy(options: CoreOptions = {}): Promise<CoreStream> {
  const t = await CoreStream.open({ lanes: 4, ...options });
  await t.sourceDb.createCollection('rows');
  await t.destinationDb.collection('rows').createIndex({ u: 1 }, { unique: true }, {});
  return t;
}

/** The copy is given its rows one after the other, and `between` is done after the first one. */
function readSlowly(t: CoreStream, between: () => Promise<unknown>): void {
  const read = t.source.rows.bind(t.source);
  t.source.rows = async function* (namespace, range, options, signal) {
    let { after } = options;
    for (let first = true; ; first = false) {
      const batches = read(namespace, range, { ...options, after }, signal)[Symbol.asyncIterator]();
      const next = await batches.next();
      await batches.return?.();
      const row = next.done === true ? undefined : next.value.rows[0];
      if (row === undefined) return;
      after = t.source.keyOf(row).bytes;
      yield { rows: [row], bytes: row.length, last: after };
      if (first) await between();
    }
  };
}

describe('a row that the copy brings and the destination rejects', () => {
  it('is passed by a dead letter, and all others are copied', async () => {
    await using t = await beforeCopy({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, u: i === 400 ? 7 : i })));
    await t.copy();
    expect(await copied(t)).toHaveLength(499);
    expect(t.events).toContain('copy.row_rejected');
    await t.catchUp();
    expect((await deadLetters(t)).map(({ code, state, kept }) => [code, state, kept])).toEqual([
      ['duplicate_key', 'open', true],
    ]);
    expect(await t.destination.repairsLeft(t.id, never)).toBe(0);
    await rows(t).updateOne({ _id: 400 }, { $set: { u: 1000 } });
    await t.catchUp();
    await t.expectSame();
    expect(await states(t)).toEqual(['duplicate_key superseded']);
  });

  it('stops the stream where it is to, with the row named by its hash', async () => {
    await using t = await beforeCopy();
    await rows(t).insertMany(Array.from({ length: 50 }, (_, i) => ({ _id: i, u: i === 40 ? 7 : i })));
    await t.copy();
    await expect(t.catchUp()).rejects.toMatchObject(duplicateIn(t));
    expect(await deadLetters(t)).toEqual([]);
  });

  it('was read after a value had moved to it: the stream resolves that by itself', async () => {
    await using t = await beforeCopy({ batchSize: 2 });
    await rows(t).insertMany([1, 2, 3, 4].map((id) => ({ _id: id, u: id, v: 0 })));
    readSlowly(t, async () => {
      await rows(t).updateOne({ _id: 1 }, { $set: { u: 100, v: 1 } });
      await rows(t).updateOne({ _id: 3 }, { $set: { u: 1, v: 1 } });
    });
    await t.copy();
    expect(t.events).toContain('copy.row_rejected');
    await t.catchUp();
    await t.expectSame();
    expect(await deadLetters(t)).toEqual([]);
  });

  it('does not keep a copy that is told to end from ending, and is met again by the next one', async () => {
    await using t = await beforeCopy({ errors: { onError: 'skip' } });
    await rows(t).insertMany(Array.from({ length: 100 }, (_, i) => ({ _id: i, u: 7 })));
    const stop = new AbortController();
    const ask = t.destination.askRepairs.bind(t.destination);
    t.destination.askRepairs = (...asked) => {
      stop.abort();
      return ask(...asked);
    };
    expect(await t.copy(undefined, stop.signal)).toBe('stopped');
    expect(t.events.filter((event) => event === 'copy.row_rejected')).toHaveLength(1);
    expect(await t.resumeCopy()).toBe('done');
    expect(t.events.filter((event) => event === 'copy.row_rejected')).toHaveLength(99);
    expect(await copied(t)).toHaveLength(1);
  });

  it('is tried in halves: what is rejected as a whole goes through', async () => {
    await using t = await refusing(3);
    await rows(t).insertMany(Array.from({ length: 100 }, (_, i) => ({ _id: i, u: i })));
    await t.copy();
    expect(await copied(t)).toHaveLength(100);
    expect(t.events).not.toContain('copy.row_rejected');
  });
});
