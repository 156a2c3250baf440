import { systemClock } from '../../src/host/clock';
import { Limiter, type Pace } from '../../src/core/write/limiter';
import { CoreStream } from '../support/core';

const never = new AbortController().signal;
const rows = (count: number) => Array.from({ length: count }, (_, n) => ({ _id: n as never, n, text: 'x'.repeat(80) }));

const limiterOf = (pace: Partial<Pace>, throttled: () => void = () => undefined): Limiter =>
  new Limiter(() => ({ eventsPerSecond: 0, bytesPerSecond: 0, ...pace }), { throttled }, systemClock);

/** How many seconds `body` took. */
async function seconds(body: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await body();
  return (performance.now() - started) / 1000;
}

test.each([
  ['events', { eventsPerSecond: 500 }],
  ['bytes', { bytesPerSecond: 50_000 }],
])('a stream goes no faster than its limit of %s: copy, changes and copies inside the stream', async (_, pace) => {
  await using t = await CoreStream.open({ limiter: limiterOf(pace), batchSize: 100 });
  await t.sourceDb.collection('orders').insertMany(rows(500));
  // 500 rows of about 110 bytes: a second each time.
  expect(await seconds(() => t.copy())).toBeGreaterThan(0.9);
  await t.expectSame();

  await t.sourceDb.collection('orders').updateMany({}, { $set: { text: 'y'.repeat(80) } });
  expect(await seconds(() => t.catchUp())).toBeGreaterThan(0.9);
  await t.expectSame();

  const claim = await t.claim('existing');
  const owed = [[`${t.sourceDb.databaseName}.orders`, { estimatedRows: 500 }]] as const;
  await claim.planBackfill(new Map(owed), 'repair', never);
  expect(await seconds(() => t.catchUp())).toBeGreaterThan(0.9);
  await t.expectSame();
});

test('a stream that is held back for long ends its leg when it is told to, and goes on from where it was', async () => {
  const stop = new AbortController();
  let heldBack = 0;
  const limiter = limiterOf({ eventsPerSecond: 1 }, () => {
    heldBack += 1;
    stop.abort();
  });
  await using t = await CoreStream.open({ limiter });
  await t.copy();
  await t.sourceDb.collection('orders').insertMany(rows(500));
  expect((await t.leg({ signal: stop.signal })).reason).toBe('stopped');
  expect(heldBack).toBe(1);
  expect(await t.destinationDb.collection('orders').countDocuments()).toBe(0);
});
