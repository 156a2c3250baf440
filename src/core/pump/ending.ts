import { controllerForMany } from '../async/controller';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import { isReplicationError, ReplicationError } from '../model/errors';

/** `slice`: its time is over. `reached`: it is where it was to go. `stopped`: its signal was aborted, or it has failed. */
export type EndReason = 'slice' | 'stopped' | 'reached';

const HARD_STOP_MS = 7000;
const LOOK_AGAIN_MS = 250;

export interface EndingContext {
  /** What waits for something else has to look. */
  readonly begun: () => void;
  /** Something has become durable in this leg. */
  readonly progressed: () => boolean;
  /** Lanes write, and have not yet written anything in this leg. */
  readonly firstSteps: () => boolean;
  readonly stallMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** How a leg ends: first it reads no more; what is under way is written, for as long as there are answers. */
export class Ending {
  readonly #reading = controllerForMany();
  readonly #writing = controllerForMany();
  readonly #context: EndingContext;
  #hard: Disposable | undefined;
  #reason: EndReason = 'stopped';
  #isTold = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(context: EndingContext) {
    this.#context = context;
  }

  /** Aborts when nothing more is to be read. */
  get reading(): AbortSignal {
    return this.#reading.signal;
  }

  /** Aborts when what is under way has had no answer for long enough. */
  get writing(): AbortSignal {
    return this.#writing.signal;
  }

  get isBegun(): boolean {
    return this.#reading.signal.aborted;
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /** Only the first reason counts. */
  begin(reason: EndReason): void {
    if (this.isBegun) return;
    this.#reason = reason;
    this.#reading.abort();
    this.#context.begun();
    // A server that does not answer must not hold the leg for ever.
    const { clock } = this.#context;
    const begunAt = clock.monotonic();
    this.#hard = clock.timer(HARD_STOP_MS, () => this.#cut(begunAt));
  }

  /** Told from outside, as by a pause: no first step is waited for, also where the slice is over already. */
  stop(): void {
    this.#isTold = true;
    this.begin('stopped');
  }

  /** The first step of a lane is waited for longer: cut off, it would be tried and cut off again by every leg (seen: one row of 16 MB). */
  #cut(begunAt: number): void {
    const { clock, firstSteps, stallMs } = this.#context;
    const waits = clock.monotonic() - begunAt < stallMs;
    if (!this.#isTold && this.#reason === 'slice' && waits && firstSteps())
      this.#hard = clock.timer(LOOK_AGAIN_MS, () => this.#cut(begunAt));
    else this.#writing.abort();
  }

  /** Only the first error counts. */
  fail(error: unknown): void {
    // What was given up by the leg itself says nothing to a person.
    const givenUp = this.#writing.signal.aborted && isReplicationError(error, 'cancelled');
    this.#failure ??= { error: givenUp ? noAnswer(error) : error };
    this.begin('stopped');
    this.#context.begun();
  }

  /** Nothing has moved for too long. What the leg did before counts: another one goes on from there. */
  stall(error: ReplicationError): void {
    if (!this.#context.progressed()) this.fail(error);
    else if (!this.isBegun) {
      this.#context.log('warn', 'leg.cut_off', { code: error.code });
      this.begin('slice');
    }
  }

  /** Nothing is under way any more: throws what the leg has failed with. */
  over(): EndReason {
    this.#hard?.[Symbol.dispose]();
    if (this.#failure) throw this.#failure.error;
    return this.#reason;
  }
}

/** Rows are read again by those that write, so that it may be either side. */
const noAnswer = (cause: ReplicationError): ReplicationError =>
  new ReplicationError('retry', {
    code: 'no_answer',
    message: `what was under way had no answer ${Math.round(HARD_STOP_MS / 1000)} s after the leg was to end (${cause.message})`,
    remedy: 'Check that the side that is named runs, and that nothing between it and the worker holds up what is sent.',
    cause,
  });
