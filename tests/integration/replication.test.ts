import fc from 'fast-check';
import { Double, Int32 } from 'mongodb';
import { isReplicationError } from '../../src/core/model/errors';
import { Proxy } from '../chaos/proxy';
import { CoreStream } from '../support/core';
import { eventually } from '../support/eventually';
import { KEYS, operation, perform, SHAPES, type Operation } from '../support/operations';
import { sharedMongo } from '../support/servers';

/** Property runs on two shared cores: a handful each time, more with PROPERTY_RUNS. */
const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 8);

const performAll = async (t: CoreStream, operations: readonly Operation[]): Promise<void> => {
  for (const each of operations) await perform(t.sourceDb, each);
};

/** Legs that overlap and are interrupted, as workers die, freeze and are replaced. */
async function interrupted(
  t: CoreStream,
  faults: readonly { readonly overlap: boolean; readonly afterMs: number }[],
): Promise<void> {
  let previous: Promise<unknown> = Promise.resolve();
  for (const { overlap, afterMs } of faults) {
    const leg = t
      .leg({ signal: overlap ? new AbortController().signal : AbortSignal.timeout(afterMs), sliceMs: afterMs + 5000 })
      .catch((error: unknown) => {
        if (!isReplicationError(error, 'fenced')) throw error;
      });
    if (overlap) await Promise.race([leg, new Promise((resolve) => setTimeout(resolve, afterMs))]);
    else await leg;
    // A pump that was left behind goes on beside its successor until the destination refuses it.
    await (overlap ? Promise.resolve() : previous);
    previous = leg;
  }
  await t.catchUp();
  await previous;
}

/** A copy whose worker dies and is replaced, again and again. */
async function interruptedCopy(t: CoreStream, cuts: readonly number[]): Promise<void> {
  let [afterMs] = cuts;
  if (afterMs === undefined) {
    await t.copy();
    return;
  }
  let reason = await t.copy(undefined, AbortSignal.timeout(afterMs));
  for (afterMs of cuts.slice(1)) if (reason !== 'done') reason = await t.resumeCopy(AbortSignal.timeout(afterMs));
  if (reason !== 'done') await t.resumeCopy();
}

describe('a stream between two real servers', () => {
  it('copies what is there and follows what comes, byte for byte', async () => {
    await using t = await CoreStream.open();
    for (let key = 0; key < KEYS.length; key += 1) {
      await perform(t.sourceDb, { op: 'insert', collection: 'orders', key, value: key + 1 });
    }
    await t.copy();
    for (let shape = 0; shape < SHAPES; shape += 1) {
      for (const key of [1, 8, 10]) {
        await perform(t.sourceDb, { op: 'update', collection: 'orders', key, shape, value: shape + 100 });
      }
    }
    await perform(t.sourceDb, { op: 'delete', collection: 'orders', key: 0, value: 1 });
    await perform(t.sourceDb, { op: 'insert', collection: 'cust.omers', key: 5, value: 7 });
    await t.catchUp();
    await t.expectSame();
  });

  it(
    'is the same at the end whatever is written and whenever legs are interrupted, replaced or run beside each other',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { maxLength: 25 }),
          fc.array(operation, { maxLength: 25 }),
          fc.array(operation, { maxLength: 60 }),
          fc.array(fc.record({ overlap: fc.boolean(), afterMs: fc.integer({ min: 0, max: 120 }) }), { maxLength: 4 }),
          fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 3 }),
          fc.constantFrom(1, 4),
          async (before, during, after, faults, cuts, lanes) => {
            await using t = await CoreStream.open({ batchSize: 7, lanes });
            await performAll(t, before);
            await Promise.all([interruptedCopy(t, cuts), performAll(t, during)]);
            await Promise.all([interrupted(t, faults), performAll(t, after)]);
            await t.catchUp();
            await t.expectSame();
          },
        ),
        { numRuns, endOnFailure: numRuns <= 8 },
      );
    },
    300_000 + numRuns * 20_000,
  );

  it('writes nothing twice: what the ledger shows as applied is skipped', async () => {
    await using t = await CoreStream.open({ batchSize: 10 });
    await t.sourceDb.createCollection('orders');
    await t.copy();
    const documents = Array.from({ length: 500 }, (_, i) => ({ _id: i as never, n: 0 }));
    await t.sourceDb.collection('orders').insertMany(documents);
    for (let i = 0; i < 500; i += 1)
      await t.sourceDb.collection('orders').updateOne({ _id: i as never }, { $inc: { n: 1 } });
    const watch = t.destinationDb.collection('orders').watch([], { maxAwaitTimeMS: 50 });
    await watch.tryNext();
    await interrupted(t, [
      { overlap: false, afterMs: 60 },
      { overlap: true, afterMs: 60 },
      { overlap: false, afterMs: 60 },
    ]);
    await t.expectSame();
    const written = new Map<string, number>();
    for (let event = await watch.tryNext(), quiet = 0; quiet < 3; event = await watch.tryNext()) {
      if (event === null) quiet += 1;
      else if ('documentKey' in event) {
        const id = `${event.operationType} ${String(event.documentKey._id)}`;
        written.set(id, (written.get(id) ?? 0) + 1);
      }
    }
    await watch.close();
    expect([...written.values()].filter((times) => times > 1)).toEqual([]);
  });

  it('takes the type of a new key that is equal to one that was deleted, in the overlap too', async () => {
    await using t = await CoreStream.open();
    const collection = t.sourceDb.collection<{ _id: unknown; n: number }>('keys');
    await collection.insertOne({ _id: new Double(4), n: 1 });
    await t.copy();
    await collection.deleteOne({ _id: new Double(4) });
    await collection.insertOne({ _id: new Int32(4), n: 2 });
    t.overlapEnd = await t.source.currentPosition(new AbortController().signal);
    await t.catchUp();
    await t.expectSame();
  });

  it('says so when the destination does not answer, and loses nothing by it', async () => {
    await using proxy = await Proxy.open(Number(new URL(sharedMongo('destination')).port), { framed: true });
    await using t = await CoreStream.open({
      destinationUri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`,
      // A first step is waited for as long as this; the answer to a commit for a few seconds.
      stallMs: 15_000,
    });
    await t.copy();
    await t.catchUp();
    await perform(t.sourceDb, { op: 'insert', collection: 'orders', key: 0, value: 1 });
    const leg = t.leg({ sliceMs: 3_000 });
    const ending = expect(leg).rejects.toMatchObject({ kind: 'retry', code: 'no_answer' });
    await eventually(() => t.expectSame());
    proxy.rule = (command) => (command === 'commitTransaction' ? 'hold' : 'pass');
    await perform(t.sourceDb, { op: 'insert', collection: 'orders', key: 1, value: 1 });
    await ending;
    proxy.rule = null;
    await t.catchUp();
    await t.expectSame();
  });

  it('goes on with another number of lanes once all are level', async () => {
    await using t = await CoreStream.open();
    await t.copy();
    for (const lanes of [4, 1, 6]) {
      for (let key = 0; key < KEYS.length; key += 1) {
        await perform(t.sourceDb, { op: 'insert', collection: 'orders', key, value: lanes * 100 + key });
      }
      await t.leg({ lanes, until: await t.source.currentPosition(new AbortController().signal) });
      await t.expectSame();
    }
    const claim = await t.claim();
    expect(claim.ledger.lanes).toHaveLength(6);
  });

  it('copies a collection that is renamed into the pattern, and leaves one that is renamed out of it as told', async () => {
    await using t = await CoreStream.open({ collections: ['in*'], renameOut: 'drop' });
    await t.sourceDb.collection('outside').insertMany([{ a: 1 }, { a: 2 }]);
    await t.sourceDb.collection('inner').insertOne({ b: 1 });
    await t.copy();
    await t.sourceDb.collection('outside').rename('inside');
    await t.sourceDb.collection('inside').insertOne({ a: 3 });
    await t.sourceDb.collection('inner').rename('elsewhere');
    await t.catchUp();
    expect(await t.destinationDb.collection('inside').countDocuments()).toBe(3);
    const names = (await t.destinationDb.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
    expect(names).toEqual(['inside']);
  });

  it('refuses to go on over a destination that was restored from an older state', async () => {
    await using t = await CoreStream.open();
    await t.copy();
    await t.catchUp();
    t.position = await t.source.currentPosition(new AbortController().signal);
    await t.sourceDb.collection('orders').insertOne({ a: 1 });
    const later = await t.source.currentPosition(new AbortController().signal);
    t.position = later;
    await expect(t.leg()).rejects.toMatchObject({ kind: 'needs_attention', code: 'destination_behind' });
  });

  it('copies a namespace anew whose collection at the destination is no longer the one it knew', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany([{ a: 1 }, { a: 2 }]);
    await t.copy();
    await t.catchUp();
    await t.destinationDb.collection('orders').drop();
    await t.destinationDb.collection('orders').insertOne({ stale: true });
    await t.catchUp();
    await t.expectSame();
  });
});
