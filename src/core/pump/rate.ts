import type { Clock } from '../ports/clock';

/** Events per second over about the last ten seconds, without keeping the events. */
export class Rate {
  readonly #clock: Clock;
  readonly #halfLifeMs: number;
  #value = 0;
  #pending = 0;
  #since: number;
  #started = false;

  constructor(clock: Clock, halfLifeMs = 5000) {
    this.#clock = clock;
    this.#since = clock.monotonic();
    this.#halfLifeMs = halfLifeMs;
  }

  add(count: number): void {
    this.#roll();
    this.#pending += count;
  }

  perSecond(): number {
    this.#roll();
    return this.#value;
  }

  #roll(): void {
    const now = this.#clock.monotonic();
    const elapsed = now - this.#since;
    if (elapsed < 500) return;
    const current = (this.#pending * 1000) / elapsed;
    const keep = this.#started ? 0.5 ** (elapsed / this.#halfLifeMs) : 0;
    this.#value = this.#value * keep + current * (1 - keep);
    this.#started = true;
    this.#pending = 0;
    this.#since = now;
  }
}
