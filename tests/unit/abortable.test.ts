import { abortable } from '../../src/core/async/abortable';

describe('abortable', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);

  beforeEach(() => {
    unhandled.length = 0;
    process.on('unhandledRejection', note);
  });
  afterEach(() => process.off('unhandledRejection', note));

  it.each([
    ['before', () => AbortSignal.abort()],
    ['while it is under way', () => AbortSignal.timeout(1)],
  ])('leaves no failure of the promise unhandled when the signal aborts %s', async (_when, signal) => {
    let fail: (error: Error) => void = () => undefined;
    const promise = new Promise<never>((_resolve, reject) => (fail = reject));
    await expect(abortable(promise, signal())).rejects.toHaveProperty('name');
    fail(new Error('too late'));
    // Node tells of it after all that is due in this turn.
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
