import { CoreStream } from '../support/core';

const forever = new AbortController().signal;
const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => ({ _id: (from + i) as never, n: 0 }));

/** A copy that is stopped after a few loads, with most of its rows still at the source. */
async function copyHalf(t: CoreStream): Promise<void> {
  const stop = new AbortController();
  const claim = t.destination.claim.bind(t.destination);
  let loads = 0;
  t.destination.claim = async (request, signal) => {
    const claimed = await claim(request, signal);
    const load = claimed.load.bind(claimed);
    claimed.load = async (part, signalOfLoad) => {
      const written = await load(part, signalOfLoad);
      if (++loads === 3) stop.abort();
      return written;
    };
    return claimed;
  };
  expect(await t.copy(undefined, stop.signal)).toBe('stopped');
  t.destination.claim = claim;
}

describe('a collection that is renamed inside the selection', () => {
  it('keeps its rows where they are read late, after the rename', async () => {
    await using t = await CoreStream.open({ updates: 'row' });
    await t.sourceDb.collection('a').insertMany(rows(10));
    await t.copy();
    await t.catchUp();
    await t.sourceDb.collection('a').updateMany({}, { $set: { n: 1 } });
    await t.sourceDb.collection('a').rename('b');
    await t.catchUp();
    expect(await t.destinationDb.collection('b').countDocuments()).toBe(10);
    await t.expectSame();
  });

  it('is not mixed up with a new one under the old name', async () => {
    await using t = await CoreStream.open({ updates: 'row' });
    await t.sourceDb.collection('a').insertMany(rows(10));
    await t.copy();
    await t.catchUp();
    await t.sourceDb.collection('a').updateMany({}, { $set: { n: 1 } });
    await t.sourceDb.collection('a').rename('b');
    await t.sourceDb.collection('a').insertMany(rows(10).map((row) => ({ ...row, other: true })));
    await t.catchUp();
    await t.expectSame();
  });

  it('arrives whole when it was half copied', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('a').insertMany(rows(3000));
    await copyHalf(t);
    await t.sourceDb.collection('a').rename('b');
    expect(await t.resumeCopy()).toBe('done');
    await t.catchUp();
    expect(await t.destinationDb.collection('b').countDocuments()).toBe(3000);
    await t.expectSame();
  });

  it('does not lose the copy that found it under its new name', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('a').insertMany(rows(10));
    const claim = await t.claim();
    await claim.advance(await t.source.currentPosition(forever), forever);
    await t.sourceDb.collection('a').updateOne({ _id: 1 as never }, { $set: { n: 1 } });
    await t.sourceDb.collection('a').rename('b');
    await t.copy();
    await t.catchUp();
    await t.expectSame();
  });

  it.each([0, 1])(
    'arrives whole when it is taken up again under the name that it had (%d changes before)',
    async (n) => {
      await using t = await CoreStream.open();
      const a = t.sourceDb.collection('a');
      const parked = { namespace: `${t.sourceDb.databaseName}.a`, code: 'c', message: '', remedy: '', at: '' };
      await a.insertMany(rows(10));
      await t.copy();
      await t.catchUp();
      await (await t.claim()).park([parked], forever);
      await a.updateMany({ _id: { $lt: n as never } }, { $set: { n: 1 } });
      await a.rename('b');
      const until = await t.source.currentPosition(forever);
      await t.leg({ until, resume: [parked.namespace] });
      await t.expectSame();
    },
  );

  it('follows a chain of renames from inside the overlap', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('a').insertMany(rows(10));
    const claim = await t.claim();
    await claim.advance(await t.source.currentPosition(forever), forever);
    await t.sourceDb.collection('a').rename('b');
    await t.sourceDb.collection('b').insertOne({ _id: 77 as never });
    await t.sourceDb.collection('b').rename('c');
    await t.copy();
    await t.sourceDb.collection('a').insertOne({ _id: 1 as never, anew: true });
    await t.catchUp();
    await t.expectSame();
  });
});

describe('a collection that is renamed into the selection', () => {
  it('takes the place of one that was copied before', async () => {
    await using t = await CoreStream.open({ collections: ['in*'] });
    await t.sourceDb.collection('inside').insertMany(rows(10));
    await t.sourceDb.collection('outside').insertMany(rows(20, 100));
    await t.copy();
    await t.sourceDb.collection('outside').rename('inside', { dropTarget: true });
    await t.resumeCopy();
    await t.catchUp();
    expect(await t.destinationDb.collection('inside').countDocuments()).toBe(20);
  });
});
