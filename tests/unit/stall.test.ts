import { watchForStall } from '../../src/replication/stall';
import { Tally } from '../../src/replication/tally';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('tells of a leg in which nothing moves any more, and of no other', () => {
  const tally = new Tally();
  const stalled = jest.fn();
  let isBusy = false;
  const log = jest.fn();
  const watch = watchForStall(tally, { stallMs: 30_000, isBusy: () => isBusy, stalled, log });
  for (let second = 0; second < 120; second += 10) {
    tally.moved();
    jest.advanceTimersByTime(10_000);
  }
  expect(stalled).not.toHaveBeenCalled();

  isBusy = true;
  jest.advanceTimersByTime(3_600_000);
  expect(stalled).not.toHaveBeenCalled();
  expect(log).toHaveBeenCalledWith('warn', 'leg.waits_for_destination', expect.anything());

  isBusy = false;
  jest.advanceTimersByTime(31_000);
  expect(stalled).toHaveBeenCalledWith(expect.objectContaining({ kind: 'retry', code: 'stalled' }));

  stalled.mockClear();
  watch[Symbol.dispose]();
  jest.advanceTimersByTime(60_000);
  expect(stalled).not.toHaveBeenCalled();
});
