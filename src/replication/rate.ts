/** Events per second over about the last ten seconds, without keeping the events. */
export class Rate {
  readonly #halfLifeMs: number;
  #value = 0;
  #pending = 0;
  #since: number;
  #started = false;

  constructor(now = performance.now(), halfLifeMs = 5000) {
    this.#since = now;
    this.#halfLifeMs = halfLifeMs;
  }

  add(count: number, now = performance.now()): void {
    this.#roll(now);
    this.#pending += count;
  }

  perSecond(now = performance.now()): number {
    this.#roll(now);
    return this.#value;
  }

  #roll(now: number): void {
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
