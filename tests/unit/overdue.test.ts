import { notOverdue } from '../../src/activities/stream/overdue';

const SLICE_MS = 60_000;
const never = new Promise<never>(() => undefined);

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('gives up a leg that goes on long after its slice, but not while the destination is busy', async () => {
  const pump = { isBusy: true };
  const outcome = notOverdue(pump, SLICE_MS, never).catch((error: unknown) => (error as { code: string }).code);
  const settled = jest.fn();
  void outcome.then(settled);
  await jest.advanceTimersByTimeAsync(20 * 3_600_000);
  pump.isBusy = false;
  await jest.advanceTimersByTimeAsync(290_000);
  expect(settled).not.toHaveBeenCalled();
  await jest.advanceTimersByTimeAsync(20_000);
  expect(await outcome).toBe('leg_overrun');
});

it('lets a leg end as it ends', async () => {
  expect(await notOverdue({ isBusy: false }, SLICE_MS, Promise.resolve(7))).toBe(7);
  await expect(notOverdue({ isBusy: false }, SLICE_MS, Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(jest.getTimerCount()).toBe(0);
});
