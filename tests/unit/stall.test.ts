import { watchForStall } from '../../src/core/pump/stall';
import { Tally } from '../../src/core/pump/stats';
import { VirtualClock } from '../simulation/clock';

it('tells of a leg in which nothing moves any more, and of no other', () => {
  const clock = new VirtualClock();
  const tally = new Tally(clock);
  const stalled = jest.fn();
  let isBusy = false;
  const log = jest.fn();
  const watch = watchForStall(tally, { stallMs: 30_000, isBusy: () => isBusy, stalled, clock, log });
  for (let second = 0; second < 120; second += 10) {
    tally.moved();
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
