import { ReplicationError, tooSlow } from '../../src/core/model/errors';
import { StepSize } from '../../src/core/write/step-size';
import { VirtualClock } from '../simulation/clock';
import { silentMeter } from '../support/changes';

/** Patience is 10 s: steps of more than 3 s are slow, those below 1.5 s are quick. */
function sizeOf({ most = 1_000, learned = null }: { most?: number; learned?: number | null } = {}) {
  const events: string[] = [];
  const limits: number[] = [];
  const slow: string[] = [];
  const clock = new VirtualClock();
  const meter = {
    ...silentMeter,
    stepLimit: (changes: number) => void limits.push(changes),
    slowStep: (code: string) => void slow.push(code),
  };
  const log = (level: string, event: string): void => void events.push(`${level} ${event}`);
  return { size: new StepSize({ most, learned, stallMs: 120_000, clock, meter, log }), clock, events, limits, slow };
}

const conflict = new ReplicationError('retry', { code: 'conflict', message: 'in the way' });
const gone = new ReplicationError('retry', { code: 'not_reachable', message: 'gone' });

it('halves what is too slow, down to one change, and then leaves it as it is', () => {
  const { size, events, limits, slow } = sizeOf({ most: 5 });
  for (const changes of [5, 2]) expect(size.halves(tooSlow('late', conflict), changes, 10)).toBe('too_much');
  expect([size.most, size.isSmall, size.learned]).toEqual([1, true, 1]);
  expect(() => size.halves(tooSlow('late', conflict), 1, 10)).toThrow(conflict);
  const own = tooSlow('late');
  expect(() => size.halves(own, 1, 10)).toThrow(own);
  expect([limits, slow]).toEqual([
    [5, 2, 1],
    ['conflict', 'conflict', 'conflict', 'too_slow'],
  ]);
  expect(events).toEqual(['warn steps_small', 'debug steps_small']);
});

it('takes several steps that were under way together for one', () => {
  const { size } = sizeOf();
  for (let lane = 0; lane < 4; lane += 1) size.halves(tooSlow('late'), 1_000, 10_000);
  expect(size.most).toBe(500);
});

it('remembers what was cut off after long, and only that', () => {
  const { size } = sizeOf();
  expect(() => size.halves(gone, 800, 100)).toThrow(gone);
  expect(size.learned).toBeNull();
  expect(() => size.halves(gone, 800, 7_000)).toThrow(gone);
  expect(size.learned).toBe(400);
  const broken = new TypeError('a fault of ours');
  expect(() => size.halves(broken, 100, 7_000)).toThrow(broken);
  expect(size.learned).toBe(400);
});

it('makes steps smaller that take long, before they take too long', () => {
  const { size } = sizeOf();
  size.wrote(900, 4_000);
  expect(size.most).toBe(675);
  size.wrote(600, 9_000);
  expect(size.most).toBe(360);
});

it('grows again while full steps are quick, and says when they are as large as they may be', () => {
  const { size, events } = sizeOf({ learned: 100 });
  expect(events).toEqual(['warn steps_small']);
  size.wrote(100, 2_000);
  size.wrote(10, 5);
  expect(size.most).toBe(100);
  for (const changes of [100, 200, 400, 800, 1_000]) size.wrote(changes, 500);
  expect([size.most, size.learned]).toEqual([1_000, null]);
  expect(events).toEqual(['warn steps_small', 'info steps_full']);
});

it('grows by and by where steps are quick because little is to be written', () => {
  const { clock, size } = sizeOf({ learned: 100 });
  size.wrote(100, 100);
  size.wrote(1, 100);
  expect(size.most).toBe(200);
  clock.skip(31_000);
  size.wrote(1, 100);
  expect(size.most).toBe(400);
});

it('waits for one change as long as a leg may stand still, and for several not much longer than for the last', () => {
  const { size } = sizeOf();
  expect([size.withinMs(1), size.withinMs(2)]).toEqual([120_000, 20_000]);
  size.halves(tooSlow('late'), 1_000, 20_000);
  expect([size.withinMs(1), size.withinMs(2)]).toEqual([120_000, 10_000]);
  size.wrote(500, 2_000);
  expect([size.withinMs(1), size.withinMs(2)]).toEqual([120_000, 12_000]);
});

describe('how much is written in an hour by a destination', () => {
  const HOUR_MS = 3_600_000;

  /** Steps one after the other, as large as they may be; the part of what was possible at best. */
  function yieldOf(costMs: (changes: number) => number, atBestPerMs: number): number {
    const { clock, size } = sizeOf();
    let written = 0;
    while (clock.monotonic() < HOUR_MS) {
      const changes = size.most;
      const takesMs = costMs(changes);
      const withinMs = size.withinMs(changes);
      clock.skip(Math.min(takesMs, withinMs));
      if (takesMs > withinMs) size.halves(tooSlow('late'), changes, withinMs);
      else size.wrote(changes, takesMs);
      if (takesMs <= withinMs) written += changes;
    }
    return written / (HOUR_MS * atBestPerMs);
  }

  it.each([
    ['whose majority is 4 s behind', (_: number) => 4_000, 1_000 / 4_000, 0.9],
    ['whose majority is 12 s behind', (_: number) => 12_000, 1_000 / 12_000, 0.8],
    ['whose majority is 18 s behind', (_: number) => 18_000, 1_000 / 18_000, 0.7],
    ['that takes 10 ms for each change', (changes: number) => changes * 10, 1 / 10, 0.9],
    ['that takes 30 s for each change', (changes: number) => changes * 30_000, 1 / 30_000, 0.8],
    ['that takes 2 s for each step and 8 ms for each change', (changes: number) => 2_000 + changes * 8, 1 / 10, 0.7],
  ])('%s', (_, costMs, atBestPerMs, least) => {
    expect(yieldOf(costMs, atBestPerMs)).toBeGreaterThan(least);
  });
});

it('learns nothing from a step that holds no rows', () => {
  const { size } = sizeOf();
  size.wrote(0, 9_000);
  expect(() => size.halves(gone, 0, 9_000)).toThrow(gone);
  expect(size.learned).toBeNull();
});
