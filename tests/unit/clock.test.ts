import { systemClock } from '../../src/host/clock';
import { systemRandom } from '../../src/host/random';
import type { Clock } from '../../src/core/ports/clock';
import { VirtualClock } from '../simulation/clock';

const never = new AbortController().signal;

/** Waits as the clock does: the one of the machine moves by itself. */
const clocks: readonly (readonly [
  string,
  () => { clock: Clock; run: (body: () => Promise<void>) => Promise<void> },
])[] = [
  ['the clock of the machine', () => ({ clock: systemClock, run: (body) => body() })],
  [
    'a virtual clock',
    () => {
      const clock = new VirtualClock();
      return { clock, run: (body) => clock.run(body) };
    },
  ],
];

describe.each(clocks)('%s', (_, make) => {
  it('lets a sleeper wait as long as it asks for', async () => {
    const { clock, run } = make();
    const [now, began] = [clock.now(), clock.monotonic()];
    await run(() => clock.sleep(20, never));
    // Timers of the machine may fire a little early.
    expect(clock.monotonic() - began).toBeGreaterThan(18);
    expect(clock.now() - now).toBeGreaterThan(17);
  });

  it('wakes a sleeper without an error when its signal aborts, and does not let it sleep after that', async () => {
    const { clock, run } = make();
    const stop = new AbortController();
    const began = clock.monotonic();
    await run(async () => {
      const asleep = clock.sleep(3_600_000, stop.signal);
      stop.abort();
      await asleep;
      await clock.sleep(3_600_000, stop.signal);
    });
    expect(clock.monotonic() - began).toBeLessThan(3_600_000);
  });

  it('fires timers in the order of their times, and none that is disposed', async () => {
    const { clock, run } = make();
    const fired: number[] = [];
    await run(async () => {
      clock.timer(30, () => fired.push(30));
      const disposed = clock.timer(20, () => fired.push(20));
      clock.timer(10, () => {
        fired.push(10);
        disposed[Symbol.dispose]();
      });
      await clock.sleep(40, never);
    });
    expect(fired).toEqual([10, 30]);
  });
});

describe('a virtual clock', () => {
  it('moves to the next timer once everything waits', async () => {
    const clock = new VirtualClock();
    const told: [string, number][] = [];
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms, never);
      for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
      told.push([name, clock.monotonic()]);
    };
    await clock.run(async () => {
      await Promise.all([sleeper('a day', 86_400_000), sleeper('an hour', 3_600_000), sleeper('another', 3_600_000)]);
    });
    expect(told).toEqual([
      ['an hour', 3_600_000],
      ['another', 3_600_000],
      ['a day', 86_400_000],
    ]);
  });

  it('stays where it was told to stop', async () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.timer(11, () => fired.push(11));
    await clock.advance(10);
    expect([clock.monotonic(), fired]).toEqual([10, []]);
    clock.skip(1);
    expect([clock.monotonic(), fired]).toEqual([11, [11]]);
  });

  it('tells of what no time brings', async () => {
    const clock = new VirtualClock();
    await expect(clock.run(() => new Promise(() => undefined))).rejects.toThrow('everything waits');
    await expect(clock.run(() => Promise.reject(new Error('own')))).rejects.toThrow('own');
  });
});

test('chance is a fraction', () => {
  const all = Array.from({ length: 100 }, () => systemRandom.fraction());
  expect(all.every((each) => each >= 0 && each < 1)).toBe(true);
  expect(new Set(all).size).toBeGreaterThan(90);
});
