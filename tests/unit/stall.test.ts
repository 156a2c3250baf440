import { watchForStall } from '../../src/core/pump/stall';
import { Stats } from '../../src/core/pump/stats';
import { VirtualClock } from '../simulation/clock';

it('tells of a leg in which nothing moves any more, and of no other', () => {
  const clock = new VirtualClock();
  const stats = new Stats(clock);
  const stalled = jest.fn();
  let isBusy = false;
  const log = jest.fn();
  const watch = watchForStall(stats, { stallMs: 30_000, isBusy: () => isBusy, stalled, clock, log });
  for (let second = 0; second < 120; second += 10) {
    stats.active();
    clock.skip(10_000);
  }
  expect(stalled).not.toHaveBeenCalled();

  isBusy = true;
  clock.skip(3_600_000);
  expect(stalled).not.toHaveBeenCalled();
  expect(log).toHaveBeenCalledWith('warn', 'leg.waits_for_destination', expect.anything());

  isBusy = false;
  clock.skip(31_000);
  expect(stalled).toHaveBeenCalledWith(expect.objectContaining({ kind: 'retry', code: 'stalled' }));

  stalled.mockClear();
  watch[Symbol.dispose]();
  clock.skip(60_000);
  expect(stalled).not.toHaveBeenCalled();
});
