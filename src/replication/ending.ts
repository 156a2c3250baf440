import { isReplicationError, ReplicationError } from './errors';

/** `slice`: its time is over. `reached`: it is where it was to go. `stopped`: somebody has told it to end, or it has failed. */
export type EndReason = 'slice' | 'stopped' | 'reached';

const HARD_STOP_MS = 7000;

/** How a leg ends: first it reads no more; what is under way is written, for as long as there are answers. */
export class Ending {
  readonly #reading = new AbortController();
  readonly #writing = new AbortController();
  /** Whoever waits for something else has to look. */
  readonly #begun: () => void;
  #hard: NodeJS.Timeout | undefined;
  #reason: EndReason = 'stopped';
  #failure: { readonly error: unknown } | null = null;

  constructor(begun: () => void) {
    this.#begun = begun;
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
    this.#begun();
    // A server that does not answer must not hold the leg for ever.
    this.#hard = setTimeout(() => this.#writing.abort(), HARD_STOP_MS);
  }

  /** Only the first error counts. */
  fail(error: unknown): void {
    // What was given up by the leg itself says nothing to a person.
    const givenUp = this.#writing.signal.aborted && isReplicationError(error, 'cancelled');
    this.#failure ??= { error: givenUp ? noAnswer(error) : error };
    this.begin('stopped');
    this.#begun();
  }

  /** Nothing is under way any more: throws what the leg has failed with. */
  over(): EndReason {
    clearTimeout(this.#hard);
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
