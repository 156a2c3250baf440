import { Limiter, type Pace } from '../../src/replication/limiter';

const never = new AbortController().signal;

function limiter(pace: Partial<Pace>) {
  const told = { waitedMs: 0, waiting: 0 };
  const whole = { eventsPerSecond: 0, bytesPerSecond: 0, ...pace };
  return { told, limiter: new Limiter(() => whole, { throttled: (ms) => (told.waitedMs += ms) }), whole };
}

const timed = async (body: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await body();
  return performance.now() - started;
};

test.each([
  ['events', { eventsPerSecond: 1000 }, 100, 10],
  ['bytes', { bytesPerSecond: 10_000 }, 1, 1000],
  ['whichever is slower', { eventsPerSecond: 1_000_000, bytesPerSecond: 10_000 }, 100, 1000],
])('lets no more through than its pace: %s', async (_, pace, events, bytes) => {
  const { told, limiter: made } = limiter(pace);
  const ms = await timed(async () => {
    for (let i = 0; i < 3; i += 1) await made.take(events, bytes, never);
  });
  // Timers may fire a little early.
  expect(ms).toBeGreaterThan(290);
  expect(told.waitedMs).toBeGreaterThan(290);
});

test('holds nothing back without a limit', async () => {
  const { told, limiter: made } = limiter({});
  await made.take(1e9, 1e12, never);
  expect(told.waitedMs).toBe(0);
});

test('what several take at once is added up', async () => {
  const { limiter: made } = limiter({ eventsPerSecond: 1000 });
  expect(await timed(() => Promise.all([1, 2, 3].map(() => made.take(100, 0, never))))).toBeGreaterThan(290);
});

test('tells of a long wait while it lasts, and ends it with the signal', async () => {
  const { limiter: made } = limiter({ eventsPerSecond: 1 });
  const stop = new AbortController();
  let told = 0;
  await made.take(3600, 0, stop.signal, () => {
    told += 1;
    stop.abort();
  });
  expect(told).toBe(1);
});

test('follows a pace that changes', async () => {
  const pace = { eventsPerSecond: 1, bytesPerSecond: 0 };
  const made = new Limiter(() => pace, { throttled: () => undefined });
  const stopped = AbortSignal.abort();
  await made.take(3600, 0, stopped);
  // The debt of an hour is forgiven with the limit.
  pace.eventsPerSecond = 0;
  await made.take(3600, 0, never);
});
