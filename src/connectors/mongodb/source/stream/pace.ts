/** Below this rate every event is asked for at once. */
const BUSY_PER_SECOND = 1_000;
/** Per event and second of the rate, ms. */
const GAP_MS = 1 / 500;
const MAX_GAP_MS = 15;
/** A reply with as much as this, half a batch, or all that was asked for shows a stream that is behind: the next one is asked for at once. */
const BEHIND = 500;
/** Over how long the rate is measured. */
const WINDOW_MS = 100;
/** Of a reply, about: it is held until its last change is written, and more would be memory and no speed. */
const REPLY_BYTES = 4 * 1024 * 1024;
/** How large events are is known once some have come; the next ones may be larger. */
const FIRST = 4;
const MORE = 4;
/** How long a read waits for events at first; twice as long after each one that brought none. */
const FIRST_AWAIT_MS = 250;

/**
 * How far apart reads begin, how much they ask for, and for how long they wait. A read, and the step that writes what it
 * brought, cost as many messages for five events as for five hundred: the more events come in a second, the longer a few
 * of them are left to gather at the source. The longer a source is silent, the less often it is asked. A stream that
 * was just opened asks often at first: `finalize` or `wait` may need its position at once.
 */
export class Pace {
  readonly #batchSize: number;
  readonly #maxAwaitMs: number;
  #asked: number;
  #awaitMs: number;
  #beganAt = -Infinity;
  #readAt = performance.now();
  /** Events per second. */
  #rate = 0;
  #gapMs = 0;

  constructor(batchSize: number, maxAwaitMs: number) {
    this.#batchSize = batchSize;
    this.#maxAwaitMs = maxAwaitMs;
    this.#awaitMs = Math.min(maxAwaitMs, FIRST_AWAIT_MS);
    this.#asked = Math.min(batchSize, FIRST);
  }

  /** How many events the next read asks for. */
  get asked(): number {
    return this.#asked;
  }

  /** How long the next read waits for an event at most, ms. */
  get awaitMs(): number {
    return this.#awaitMs;
  }

  /** A read begins. */
  begin(): void {
    this.#beganAt = performance.now();
  }

  /** A read has brought this many events, in so many bytes. */
  brought(events: number, bytes: number): void {
    const now = performance.now();
    const elapsedMs = Math.max(0.01, now - this.#readAt);
    const weight = 1 - Math.exp(-elapsedMs / WINDOW_MS);
    this.#rate += weight * ((events / elapsedMs) * 1000 - this.#rate);
    this.#readAt = now;
    const behind = events >= Math.min(BEHIND, this.#batchSize / 2, this.#asked);
    this.#gapMs = behind || this.#rate < BUSY_PER_SECOND ? 0 : Math.min(MAX_GAP_MS, this.#rate * GAP_MS);
    if (events > 0) this.#asked = this.#next(events, bytes / events);
    this.#awaitMs = Math.min(this.#maxAwaitMs, events > 0 ? FIRST_AWAIT_MS : 2 * this.#awaitMs);
  }

  #next(events: number, bytesEach: number): number {
    const inReply = Math.max(1, Math.floor(REPLY_BYTES / bytesEach));
    return Math.min(this.#batchSize, inReply, Math.max(FIRST, MORE * events));
  }

  /** How long to wait before the next read, ms. */
  get waitMs(): number {
    return this.#gapMs - (performance.now() - this.#beganAt);
  }
}
