import type { Clock } from '../ports/clock';
import type { LowWater } from './low-water';
import type { CopiesProgress, LegProgress, Totals } from './progress';
import { Rate } from './rate';
import type { Source } from '../ports/source';
import type { WindowLeft } from '../plan/window';

/** What a leg counts for people; read by the heartbeat at any time. */
export class Stats {
  readonly #clock: Clock;
  readonly #rate: Rate;
  #read = 0;
  #applied = 0;
  #skipped = 0;
  #bytes = 0;
  #schemaChanges = 0;
  #refused = 0;
  #lagMs: number | null = null;
  #activeAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#rate = new Rate(clock);
    this.#activeAt = clock.monotonic();
  }

  read(changes: number): void {
    this.#read += changes;
  }

  skipped(changes: number): void {
    this.#skipped += changes;
  }

  applied(changes: number, bytes: number): void {
    this.#applied += changes;
    this.#bytes += bytes;
    this.#rate.add(changes);
  }

  /** Changes that the destination rejected, and that were passed. */
  refused(changes: number): void {
    this.#refused += changes;
  }

  schemaChange(): void {
    this.#schemaChanges += 1;
  }

  lag(ms: number): void {
    this.#lagMs = ms;
  }

  get lagMs(): number | null {
    return this.#lagMs;
  }

  /** Something became durable. */
  get progressed(): boolean {
    return this.#applied + this.#schemaChanges > 0;
  }

  /** Something moved: a change, a boundary, silence. */
  active(): void {
    this.#activeAt = this.#clock.monotonic();
  }

  get stillMs(): number {
    return this.#clock.monotonic() - this.#activeAt;
  }

  get totals(): Totals {
    return {
      read: this.#read,
      applied: this.#applied,
      skipped: this.#skipped,
      bytes: this.#bytes,
      schemaChanges: this.#schemaChanges,
      refused: this.#refused,
    };
  }

  /** `recorded`: only what the destination has recorded is ever reported. */
  progress(
    recorded: LowWater['position'] | null,
    source: Pick<Source, 'describe'>,
    more: WindowLeft & { readonly copies: CopiesProgress | null; readonly stepChanges: number | null },
  ): LegProgress {
    return {
      position: recorded,
      at: recorded ? source.describe(recorded) : 'not started',
      lagMs: this.#lagMs,
      changesPerSecond: Math.round(this.#rate.perSecond()),
      ...more,
      totals: this.totals,
    };
  }
}
