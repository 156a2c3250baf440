/** Lets so much a second through; the time that a burst has used up is waited for afterwards. */
export class Throttle {
  readonly #perSecond: number;
  #freeAt = 0;

  /** 0: as fast as it goes. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  async take(amount: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.owe(amount, this.#perSecond);
    if (waitMs > 1) await sleep(waitMs, signal);
  }

  /** Takes without waiting: for how many milliseconds the taker has to wait. */
  owe(amount: number, perSecond: number): number {
    if (perSecond === 0) return 0;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (amount * 1000) / perSecond;
    return this.#freeAt - now;
  }
}

/** Ends early, and without an error, when the signal aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
