import { eventually } from '../support/eventually';
import { CoreStream, type CoreOptions } from '../support/core';
import { sharedMongo } from '../support/servers';
import { slowServer } from '../support/slow-server';

const rows = (count: number) => Array.from({ length: count }, (_, n) => ({ _id: n as never, n, seen: 0 }));

/** A stream in step, over a server that can be slow. A step of several changes is given up after half a second. */
async function pipeline(options: CoreOptions = {}) {
  const slow = await slowServer(sharedMongo('destination'));
  const stream = await CoreStream.open({ destinationUri: slow.uri, stallMs: 2_000, lanes: 2, ...options });
  return {
    slow,
    stream,
    orders: stream.sourceDb.collection('orders'),
    [Symbol.asyncDispose]: async () => {
      slow.msPerStatement = 0;
      slow.lateReplies.clear();
      await stream[Symbol.asyncDispose]();
      await slow[Symbol.asyncDispose]();
    },
  };
}

/** So many rows are on both sides. */
async function inStep({ orders, stream }: Awaited<ReturnType<typeof pipeline>>, count: number): Promise<void> {
  await orders.insertMany(rows(count));
  await stream.copy();
  await stream.catchUp();
}

const seen = (expectation: () => void): Promise<void> => eventually(() => Promise.resolve().then(expectation));

/** Legs as a workflow runs them, until all is there; a slice ends long before the backlog could go in one step. */
async function legs(stream: CoreStream, most: number): Promise<number> {
  const until = await stream.source.currentPosition(new AbortController().signal);
  for (let leg = 1; leg <= most; leg += 1) {
    const outcome = await stream.leg({ until, sliceMs: 1_500 }).catch(() => null);
    if (outcome?.reason === 'reached') return leg;
  }
  throw new Error(`not there after ${most} legs`);
}

describe('a destination that is slow with every statement', () => {
  test('gets steps that it can finish, over as many legs as it takes, and larger ones again once it is quick', async () => {
    await using t = await pipeline();
    await inStep(t, 400);
    await t.orders.updateMany({}, { $inc: { seen: 1 } });
    // All of it in one step for each lane: ten seconds, which no leg has.
    t.slow.msPerStatement = 50;
    t.slow.steps.length = 0;
    const taken = legs(t.stream, 12);
    await seen(() => expect(t.slow.steps.length).toBeGreaterThan(5));
    expect(Math.max(...t.slow.steps)).toBeLessThanOrEqual(10);
    expect(t.stream.events).toContain('steps_small');
    t.slow.msPerStatement = 0;
    await taken;
    await t.stream.expectSame();
    t.slow.steps.length = 0;
    await t.orders.updateMany({}, { $inc: { seen: 1 } });
    await t.stream.catchUp();
    await t.stream.expectSame();
    expect(Math.max(...t.slow.steps)).toBeGreaterThan(20);
  });

  test('gets one change at a time where it is as slow as that, and no leg begins with more than the last one could write', async () => {
    await using t = await pipeline();
    await inStep(t, 40);
    await t.orders.updateMany({ _id: { $lt: 8 as never } }, { $inc: { seen: 1 } });
    t.slow.msPerStatement = 700;
    t.slow.steps.length = 0;
    await legs(t.stream, 12);
    await t.stream.expectSame();
    expect(new Set(t.slow.steps)).toEqual(new Set([1]));
    expect(t.stream.stepChanges).toBe(1);
  });

  test('gets rows of a copy in steps that it can finish', async () => {
    await using t = await pipeline();
    await t.orders.insertMany(rows(30));
    t.slow.msPerStatement = 50;
    expect(await t.stream.copy()).toBe('done');
    expect(Math.max(...t.slow.steps)).toBeLessThanOrEqual(10);
    expect(t.stream.stepRows).not.toBeNull();
    t.slow.msPerStatement = 0;
    await t.stream.catchUp();
    await t.stream.expectSame();
  });

  test('gets rows of a copy inside the stream in such steps', async () => {
    await using t = await pipeline();
    await t.stream.copy();
    await t.stream.catchUp();
    await t.orders.insertMany(rows(30));
    t.slow.msPerStatement = 50;
    await t.stream.catchUp();
    const claim = await t.stream.claim('existing');
    const owed = [[`${t.stream.sourceDb.databaseName}.orders`, { estimatedRows: 30 }]] as const;
    await claim.planBackfill(new Map(owed), 'repair', new AbortController().signal);
    await t.stream.destinationDb.collection('orders').updateMany({}, { $set: { n: -1 } });
    t.slow.steps.length = 0;
    await t.stream.catchUp();
    await t.stream.expectSame();
    expect(Math.max(...t.slow.steps)).toBeLessThanOrEqual(10);
  });
});

describe('a commit that is answered too late', () => {
  test('is not written a second time', async () => {
    await using t = await pipeline({ lanes: 1 });
    await inStep(t, 4);
    await t.orders.updateMany({}, { $push: { list: 'x' } as never });
    t.slow.lateReplies.set('commitTransaction', 1_500);
    t.slow.steps.length = 0;
    const running = t.stream.catchUp();
    await eventually(() => t.stream.expectSame());
    await seen(() => expect(t.stream.events).toContain('steps_small'));
    t.slow.lateReplies.clear();
    await running;
    await t.stream.expectSame();
    expect(t.slow.steps).toEqual([4]);
  });
});

describe('a statement that takes longer than a slice and a stall', () => {
  const later = (slow: { readonly lateReplies: Map<string, number> }, command: string): void =>
    void slow.lateReplies.set(command, 6_000);

  test('of an index build: the leg goes on until it is over, and does not ask again', async () => {
    await using t = await pipeline();
    await inStep(t, 4);
    later(t.slow, 'createIndexes');
    await t.orders.createIndex({ seen: 1 });
    // A leg that is cut off at the end of its slice has built nothing.
    expect((await t.stream.leg({ sliceMs: 1_500 })).reason).toBe('slice');
    expect(t.stream.events.filter((event) => /^index_/u.test(event))).toEqual(['index_build_started', 'index_built']);
    await t.stream.expectSame();
  });

  test('of a schema change: the leg waits for it, and says so', async () => {
    await using t = await pipeline();
    await inStep(t, 4);
    later(t.slow, 'drop');
    await t.orders.drop();
    const until = await t.stream.source.currentPosition(new AbortController().signal);
    expect((await t.stream.leg({ until, sliceMs: 1_500 })).reason).toMatch(/^(slice|reached)$/u);
    expect(t.stream.events).toContain('leg.waits_for_destination');
    await t.stream.catchUp();
    await t.stream.expectSame();
  });

  test('is cut off by a pause all the same', async () => {
    await using t = await pipeline();
    await inStep(t, 4);
    later(t.slow, 'createIndexes');
    await t.orders.createIndex({ seen: 1 });
    const stop = new AbortController();
    const running = t.stream.leg({ signal: stop.signal });
    await seen(() => expect(t.stream.events).toContain('index_build_started'));
    stop.abort();
    expect((await running).reason).toBe('stopped');
    expect(t.stream.events).not.toContain('index_built');
  });
});

test('values that move between rows of a unique index go in smaller steps too', async () => {
  await using t = await pipeline({ lanes: 2, uniqueIndexes: 'in_force' });
  await t.orders.createIndexes([{ key: { n: 1 }, unique: true }]);
  await t.orders.insertMany(rows(40));
  await t.stream.copy();
  await t.stream.catchUp();
  t.slow.msPerStatement = 25;
  // Each row takes the value of the next one, from the last row on.
  for (let n = 39; n >= 0; n -= 1) await t.orders.updateOne({ _id: n as never }, { $set: { n: n + 1 } });
  await t.stream.catchUp();
  await t.stream.expectSame();
  expect(Math.max(...t.slow.steps)).toBeLessThanOrEqual(40);
});
