import type { Clock } from '../ports/clock';

/** Wakes all that wait for a condition, each time something may have changed. */
export class Condition {
  readonly #clock: Clock;
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something changed: conditions are evaluated again. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Nothing will change any more. */
  close(): void {
    this.#closed = true;
    this.notify();
  }

  /** Resolves when `condition` holds, after `timeoutMs`, or when the gate is closed: then with true. */
  async until(condition: () => boolean, timeoutMs?: number): Promise<boolean> {
    const deadline = timeoutMs === undefined ? undefined : this.#clock.monotonic() + timeoutMs;
    while (!condition() && !this.#closed) {
      const leftMs = deadline === undefined ? undefined : deadline - this.#clock.monotonic();
      if (leftMs !== undefined && leftMs <= 0) break;
      await this.#next(leftMs);
    }
    return this.#closed;
  }

  async #next(leftMs: number | undefined): Promise<void> {
    let timer: Disposable | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      if (leftMs !== undefined) timer = this.#clock.timer(leftMs, resolve);
    });
    timer?.[Symbol.dispose]();
  }
}
