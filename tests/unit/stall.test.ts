import { watchForStall } from '../../src/replication/stall';
import { Tally } from '../../src/replication/tally';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('tells of a leg in which nothing moves any more, and of no other', () => {
  const tally = new Tally();
  const stalled = jest.fn();
  const watch = watchForStall(tally, 30_000, stalled);
  for (let second = 0; second < 120; second += 10) {
    tally.moved();
    jest.advanceTimersByTime(10_000);
  }
  expect(stalled).not.toHaveBeenCalled();

  jest.advanceTimersByTime(20_000);
  expect(stalled).toHaveBeenCalledWith(expect.objectContaining({ kind: 'retry', code: 'stalled' }));

  stalled.mockClear();
  watch[Symbol.dispose]();
  jest.advanceTimersByTime(60_000);
  expect(stalled).not.toHaveBeenCalled();
});
