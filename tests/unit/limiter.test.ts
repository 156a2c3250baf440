import { Limiter, type Pace } from '../../src/core/write/limiter';

import { VirtualClock } from '../simulation/clock';

const never = new AbortController().signal;

function limiter(pace: Partial<Pace>) {
  const told = { waitedMs: 0, waiting: 0 };
  const clock = new VirtualClock();
  const whole = { eventsPerSecond: 0, bytesPerSecond: 0, ...pace };
  const throttled = (ms: number): void => void (told.waitedMs += ms);
  return { told, clock, limiter: new Limiter(() => whole, { throttled }, clock) };
}

/** For how many milliseconds `body` is held back. */
const timed = async (clock: VirtualClock, body: () => Promise<unknown>): Promise<number> => {
  await clock.run(body);
  return clock.monotonic();
};

test.each([
  ['events', { eventsPerSecond: 1000 }, 100, 10],
  ['bytes', { bytesPerSecond: 10_000 }, 1, 1000],
  ['whichever is slower', { eventsPerSecond: 1_000_000, bytesPerSecond: 10_000 }, 100, 1000],
])('lets no more through than its pace: %s', async (_, pace, events, bytes) => {
  const { told, clock, limiter: made } = limiter(pace);
  const ms = await timed(clock, async () => {
    for (let i = 0; i < 3; i += 1) await made.take(events, bytes, never);
  });
  expect([ms, told.waitedMs]).toEqual([300, 300]);
});

test('holds nothing back without a limit', async () => {
  const { told, clock, limiter: made } = limiter({});
  await clock.run(() => made.take(1e9, 1e12, never));
  expect(told.waitedMs).toBe(0);
});

test('what several take at once is added up', async () => {
  const { clock, limiter: made } = limiter({ eventsPerSecond: 1000 });
  expect(await timed(clock, () => Promise.all([1, 2, 3].map(() => made.take(100, 0, never))))).toBe(300);
});

test('tells of a long wait while it lasts, and ends it with the signal', async () => {
  const { clock, limiter: made } = limiter({ eventsPerSecond: 1 });
  const stop = new AbortController();
  let told = 0;
  const take = (): Promise<void> =>
    made.take(3600, 0, stop.signal, () => {
      told += 1;
      stop.abort();
    });
  expect(await timed(clock, take)).toBe(1_000);
  expect(told).toBe(1);
});

test('follows a pace that changes', async () => {
  const clock = new VirtualClock();
  const pace = { eventsPerSecond: 1, bytesPerSecond: 0 };
  const made = new Limiter(() => pace, { throttled: () => undefined }, clock);
  const stopped = AbortSignal.abort();
  await made.take(3600, 0, stopped);
  // The debt of an hour is forgiven with the limit.
  pace.eventsPerSecond = 0;
  expect(await timed(clock, () => made.take(3600, 0, never))).toBe(0);
});
