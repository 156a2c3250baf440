import { SharedCache } from '../../src/connectors/mongodb/source/shared-cache';

const never = new AbortController().signal;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A question whose answer the test gives. */
class Question {
  asked = 0;
  #settle: { readonly answer: (value: number | null) => void; readonly fail: (error: Error) => void }[] = [];
  readonly ask = (): Promise<number | null> => {
    this.asked += 1;
    return new Promise((answer, fail) => this.#settle.push({ answer, fail }));
  };
  answer(value: number | null): void {
    this.#settle.shift()?.answer(value);
  }
  fail(): void {
    this.#settle.shift()?.fail(new Error('away'));
  }
}

beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate'] }));
afterEach(() => jest.useRealTimers());

it('asks once for all who want to know the same at a time, and for some seconds', async () => {
  const cache = new SharedCache<number>();
  const question = new Question();
  const answers = Promise.all([1, 2, 3].map(() => cache.get('a', question.ask, never)));
  const other = cache.get('b', question.ask, never);
  expect(question.asked).toBe(2);
  question.answer(7);
  question.answer(8);
  expect(await answers).toEqual([7, 7, 7]);
  expect(await other).toBe(8);

  jest.advanceTimersByTime(7_000);
  expect(await cache.get('a', question.ask, never)).toBe(7);
  expect(question.asked).toBe(2);
  jest.advanceTimersByTime(2_000);
  const anew = cache.get('a', question.ask, never);
  question.answer(9);
  expect(await anew).toBe(9);
});

it('keeps an answer the longer, the longer it took', async () => {
  const cache = new SharedCache<number>();
  const question = new Question();
  const first = cache.get('a', question.ask, never);
  jest.advanceTimersByTime(2_000);
  question.answer(7);
  await first;
  jest.advanceTimersByTime(99_000);
  expect(await cache.get('a', question.ask, never)).toBe(7);
  expect(question.asked).toBe(1);
});

it.each(['cannot tell', 'fails'])('asks for each itself where the one who asked %s', async (what) => {
  const cache = new SharedCache<number>();
  const [first, second] = [new Question(), new Question()];
  const one = cache.get('a', first.ask, never).catch(() => 'failed');
  const two = cache.get('a', second.ask, never);
  if (what === 'fails') first.fail();
  else first.answer(null);
  expect(await one).toBe(what === 'fails' ? 'failed' : null);
  await turn();
  second.answer(7);
  expect(await two).toBe(7);
});

it('goes on for the others when the one who asked stops waiting', async () => {
  const cache = new SharedCache<number>();
  const question = new Question();
  const leaving = new AbortController();
  const one = cache.get('a', question.ask, leaving.signal).catch(() => 'left');
  const two = cache.get('a', question.ask, never);
  leaving.abort();
  expect(await one).toBe('left');
  question.answer(7);
  expect(await two).toBe(7);
});

describe('an answer as of now', () => {
  it('is asked for each time where that is quick', async () => {
    const cache = new SharedCache<number>();
    const question = new Question();
    for (const value of [7, 8]) {
      const answer = cache.fresh('a', question.ask, never);
      await turn();
      question.answer(value);
      expect(await answer).toBe(value);
    }
    expect(question.asked).toBe(2);
  });

  it('is the cached one where the last one took long', async () => {
    const cache = new SharedCache<number>();
    const question = new Question();
    const slow = cache.get('a', question.ask, never);
    const waiting = cache.fresh('a', question.ask, never);
    jest.advanceTimersByTime(500);
    question.answer(7);
    expect(await Promise.all([slow, waiting])).toEqual([7, 7]);
    jest.advanceTimersByTime(20_000);
    expect(await cache.fresh('a', question.ask, never)).toBe(7);
    expect(question.asked).toBe(1);
  });

  it('is asked for once by all who want it where the first one had no answer', async () => {
    const cache = new SharedCache<number>();
    const question = new Question();
    const slow = cache.get('a', question.ask, never);
    jest.advanceTimersByTime(20_000);
    question.answer(null);
    expect(await slow).toBeNull();
    const waiting = [1, 2, 3].map(() => cache.fresh('a', question.ask, never));
    await turn();
    jest.advanceTimersByTime(500);
    expect(question.asked).toBe(2);
    question.answer(7);
    expect(await Promise.all(waiting)).toEqual([7, 7, 7]);
  });
});
