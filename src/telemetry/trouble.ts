import type { Log } from '../core/ports/connector';

const WARN_AFTER_MS = 30_000;
const ERROR_AFTER_MS = 300_000;

/** One thing that fails again and again: the longer it lasts, the louder its lines and the longer the silence between them. */
export class Trouble {
  readonly #log: Log;
  readonly #event: string;
  readonly #now: () => number;
  #since: number | undefined;
  #nextLine = 0;
  #failures = 0;

  constructor(log: Log, event: string, now: () => number = Date.now) {
    this.#log = log;
    this.#event = event;
    this.#now = now;
  }

  failed(fields: Readonly<Record<string, unknown>> = {}): void {
    const now = this.#now();
    this.#since ??= now;
    this.#failures += 1;
    if (now < this.#nextLine) return;
    const forMs = now - this.#since;
    this.#nextLine = now + Math.min(Math.max(forMs, 1_000), 60_000);
    const level = forMs >= ERROR_AFTER_MS ? 'error' : forMs >= WARN_AFTER_MS ? 'warn' : 'info';
    this.#log(level, this.#event, { ...fields, forMs, failures: this.#failures });
  }

  /** Says that it is over, if there was anything. */
  over(fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.#since === undefined) return;
    this.#log('info', `${this.#event}.over`, { ...fields, forMs: this.#now() - this.#since, failures: this.#failures });
    this.#since = undefined;
    this.#nextLine = 0;
    this.#failures = 0;
  }
}
