import type { Clock } from '../../src/core/ports/clock';

interface Entry {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Some day, so that times of day can be told from times since the start. */
const BEGUN = Date.UTC(2026, 0, 1);

/**
 * A clock whose time moves only when everything waits for it: hours take no longer than what happens in them, and the same
 * run takes the same turns each time. What runs on it may wait for promises and for this clock, and for nothing else.
 */
export class VirtualClock implements Clock {
  #elapsedMs = 0;
  /** By the time at which they fire; those of one time in the order in which they were set. */
  readonly #timers: Entry[] = [];

  now(): number {
    return BEGUN + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  timer(ms: number, fire: () => void): Disposable {
    const entry = { atMs: this.#elapsedMs + Math.max(0, ms), fire };
    const next = this.#timers.findIndex(({ atMs }) => atMs > entry.atMs);
    this.#timers.splice(next < 0 ? this.#timers.length : next, 0, entry);
    return {
      [Symbol.dispose]: () => {
        const index = this.#timers.indexOf(entry);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = this.timer(ms, done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Lets so much time pass, and everything happen that waits for it. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settled();
    while (this.#fireNext(untilMs)) await settled();
    this.#elapsedMs = untilMs;
  }

  /** Lets so much time pass at a stroke: for code that waits for nothing, but looks at the time. */
  skip(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    while (this.#fireNext(untilMs));
    this.#elapsedMs = untilMs;
  }

  /** Lets time pass until `body` is over; fails where that waits for something that no time brings. */
  async run<T>(body: () => Promise<T>): Promise<T> {
    let over = false;
    const result = body().finally(() => (over = true));
    result.catch(() => undefined);
    const isOver = (): boolean => over;
    await settled();
    while (!isOver()) {
      if (!this.#fireNext(Infinity)) throw new Error('everything waits, and not for the clock');
      await settled();
    }
    return result;
  }

  #fireNext(untilMs: number): boolean {
    const [next] = this.#timers;
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers.shift();
    this.#elapsedMs = next.atMs;
    next.fire();
    return true;
  }
}

/** All promises that are settled have had their turn. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
