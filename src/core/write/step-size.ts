import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import { isReplicationError, ReplicationError } from '../model/errors';
import type { Meter } from '../pump/progress';

/**
 * So much longer than the last step one of several changes may take, before it is given up and tried again by halves: well below
 * what servers let a transaction live. The first one of a leg may take twice as long.
 */
const PATIENCE_MS = 10_000;
/** A leg has to try several sizes before it would count as stalled. */
const TRIES_BEFORE_STALL = 4;
/** Parts of the patience: a step that takes longer than the first is followed by smaller ones, a shorter one than the second by larger ones. */
const SLOW = 0.3;
const QUICK = 0.15;
/** Steps that are not full tell little: so long after the last slow one the size grows even so. */
const FORGET_MS = 30_000;
/** Steps whose sizes differ less tell nothing of what a change costs. */
const TELLING = 1.2;
/** A larger step than one that took long is tried after so many times as long as it took in vain. */
const REST = 10;

export interface StepSizeContext {
  /** Changes, or rows, in one step when the destination is quick. */
  readonly most: number;
  /** What an earlier leg has found out; null: nothing. */
  readonly learned: number | null;
  /** The leg is over when nothing moves for so long. */
  readonly stallMs: number;
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'stepLimit' | 'slowStep'>;
  readonly log: Log;
}

interface Written {
  readonly changes: number;
  readonly durationMs: number;
}

/**
 * How much one step may hold. A destination that does not finish a step in time would not finish the same step later either: the
 * next one holds half of it, down to one change, and more again while steps are quick. All writers of a leg share it, because
 * they share the server; the next leg begins with what this one has found out.
 */
export class StepSize {
  readonly #context: StepSizeContext;
  readonly #patienceMs: number;
  #most: number;
  #slowAt: number;
  /** The last step that was written; null before. */
  #last: Written | null = null;
  /** How long a step takes whatever it holds, as where a majority lags behind: smaller steps would not be quicker. */
  #fixedMs = 0;
  /** What the last step took. */
  #moreMs: number;
  #restsUntil = 0;

  constructor(context: StepSizeContext) {
    this.#context = context;
    this.#slowAt = context.clock.monotonic();
    this.#patienceMs = Math.min(PATIENCE_MS, context.stallMs / TRIES_BEFORE_STALL);
    this.#moreMs = this.#patienceMs;
    this.#most = Math.max(1, Math.min(context.most, context.learned ?? Infinity));
    context.meter.stepLimit(this.#most);
    if (this.isSmall) context.log('warn', 'steps_small', { changes: this.#most, learned: true });
  }

  /** Changes in one step at most. */
  get most(): number {
    return this.#most;
  }

  /** The destination is too slow for steps as large as they may be. */
  get isSmall(): boolean {
    return this.#most < this.#context.most;
  }

  /** What the next leg begins with; null while steps are as large as they may be. */
  get learned(): number | null {
    return this.isSmall ? this.#most : null;
  }

  /** For how long a step is waited for: one that can be halved not for long, a single change as long as a leg may stand still. */
  withinMs(changes: number): number {
    const { stallMs } = this.#context;
    return changes > 1 ? Math.min(stallMs, this.#patienceMs + this.#moreMs) : stallMs;
  }

  /** A step was written. One without a change tells nothing. */
  wrote(changes: number, durationMs: number): void {
    if (changes === 0) return;
    this.#learn({ changes, durationMs });
    const slowMs = this.#patienceMs * SLOW;
    const ownMs = durationMs - this.#fixedMs;
    if (ownMs > slowMs) {
      this.#shrink(Math.max(changes >> 1, Math.floor((changes * slowMs) / ownMs)), 'slow', durationMs);
    } else if (this.isSmall && this.#isQuick(durationMs) && this.#tells(changes)) {
      this.#set(Math.min(this.#context.most, this.#most * 2));
      this.#slowAt = this.#context.clock.monotonic();
      if (this.learned === null) this.#context.log('info', 'steps_full', { changes: this.#most });
    }
  }

  /**
   * A step failed: `too_much` where nothing of it was written and the next one may be smaller. Everything else is thrown; what
   * was cut off after long would be cut off again, and is remembered for the next leg.
   */
  halves(error: unknown, changes: number, durationMs: number): 'too_much' {
    const slow = isReplicationError(error, 'too_slow');
    const cause = slow && error.cause instanceof ReplicationError ? error.cause : error;
    const code = cause instanceof ReplicationError ? cause.code : 'unexpected';
    const late = durationMs > this.#patienceMs * SLOW && isReplicationError(cause) && cause.kind === 'retry';
    if (changes > 0 && (slow || late)) {
      this.#context.meter.slowStep(code);
      this.#restsUntil = this.#context.clock.monotonic() + REST * durationMs;
      if (this.#last === null) this.#moreMs = 0;
      this.#shrink(changes >> 1, code, durationMs);
    }
    if (slow && changes > 1) return 'too_much';
    throw cause;
  }

  /** What two steps of different sizes took tells what a change costs; the rest is the same for every step. */
  #learn(written: Written): void {
    const { changes, durationMs } = written;
    const last = this.#last ?? written;
    const telling = Math.max(changes, last.changes) >= TELLING * Math.min(changes, last.changes);
    const perChangeMs = Math.max(0, (durationMs - last.durationMs) / (changes - last.changes));
    if (changes === 1) this.#fixedMs = durationMs;
    else if (telling) this.#fixedMs = Math.max(0, Math.min(durationMs - perChangeMs * changes, last.durationMs));
    else this.#fixedMs = Math.min(this.#fixedMs, durationMs);
    this.#moreMs = durationMs;
    this.#last = written;
  }

  /** By itself, or but for what every step takes. */
  #isQuick(durationMs: number): boolean {
    const quickMs = this.#patienceMs * QUICK;
    return (
      durationMs < quickMs ||
      (durationMs - this.#fixedMs < quickMs && this.#context.clock.monotonic() >= this.#restsUntil)
    );
  }

  #tells(changes: number): boolean {
    return changes * 2 > this.#most || this.#context.clock.monotonic() - this.#slowAt > FORGET_MS;
  }

  #shrink(to: number, code: string, durationMs: number): void {
    this.#slowAt = this.#context.clock.monotonic();
    const size = Math.max(1, to);
    if (size >= this.#most) return;
    const level = this.isSmall ? 'debug' : 'warn';
    this.#set(size);
    this.#context.log(level, 'steps_small', { changes: size, code, durationMs: Math.round(durationMs) });
  }

  #set(size: number): void {
    this.#most = size;
    this.#context.meter.stepLimit(size);
  }
}
