import type { Clock } from '../ports/clock';

/** Lets so much a second through; the time that a burst has used up is waited for afterwards. */
export class Throttle {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #freeAt = 0;

  /** 0: as fast as it goes. */
  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  async take(amount: number, signal: AbortSignal): Promise<void> {
    const waitMs = this.owe(amount, this.#perSecond);
    if (waitMs > 1) await this.#clock.sleep(waitMs, signal);
  }

  /** Takes without waiting: for how many milliseconds the taker has to wait. */
  owe(amount: number, perSecond: number): number {
    if (perSecond === 0) return 0;
    const now = this.#clock.monotonic();
    this.#freeAt = Math.max(now, this.#freeAt) + (amount * 1000) / perSecond;
    return this.#freeAt - now;
  }
}
