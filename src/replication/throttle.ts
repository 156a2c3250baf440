/** Lets so many rows a second through; the time that a burst has used up is waited for afterwards. */
export class Throttle {
  readonly #perSecond: number;
  #freeAt = 0;

  /** 0: as fast as it goes. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  async take(rows: number, signal: AbortSignal): Promise<void> {
    if (this.#perSecond === 0) return;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (rows * 1000) / this.#perSecond;
    const waitMs = this.#freeAt - now;
    if (waitMs > 1) await sleep(waitMs, signal);
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
