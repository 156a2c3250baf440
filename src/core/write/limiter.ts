import type { Clock } from '../ports/clock';
import type { Meter } from '../pump/progress';
import { Throttle } from '../pump/throttle';

/** How fast a stream may go at most; 0: as fast as it goes. */
export interface Pace {
  readonly eventsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Longer waits are told of now and then: a stream that is held back is not one that stands still. */
const TELL_EVERY_MS = 1_000;

/** Holds changes and rows back to the pace of the moment. What is read waits, so that the source is read no faster. */
export class Limiter {
  readonly #pace: () => Pace;
  readonly #meter: Pick<Meter, 'throttled'>;
  readonly #clock: Clock;
  readonly #events: Throttle;
  readonly #bytes: Throttle;

  /** `pace` is asked each time: it may change from hour to hour. */
  constructor(pace: () => Pace, meter: Pick<Meter, 'throttled'>, clock: Clock) {
    this.#pace = pace;
    this.#meter = meter;
    this.#clock = clock;
    this.#events = new Throttle(0, clock);
    this.#bytes = new Throttle(0, clock);
  }

  /** Resolves when so much may go on, or when the signal aborts. `waiting` is called while that takes long. */
  async take(events: number, bytes: number, signal: AbortSignal, waiting: () => void = () => undefined): Promise<void> {
    const { eventsPerSecond, bytesPerSecond } = this.#pace();
    let left = Math.max(this.#events.owe(events, eventsPerSecond), this.#bytes.owe(bytes, bytesPerSecond));
    while (left > 1 && !signal.aborted) {
      const started = this.#clock.monotonic();
      await this.#clock.sleep(Math.min(left, TELL_EVERY_MS), signal);
      const waited = this.#clock.monotonic() - started;
      this.#meter.throttled(waited);
      left -= waited;
      waiting();
    }
  }
}
