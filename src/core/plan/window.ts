import type { Clock } from '../ports/clock';
import type { Position } from '../model/position';
import type { HistoryWindow, Source } from '../ports/source';

/** Some sources read their whole log to find its oldest entry. */
const EVERY_MS = 10_000;
/** So many times as long as the answer took. */
const SHARE = 50;

/** For how long the source will still have what comes after a position. */
export interface WindowLeft {
  /** Null where it cannot be told. */
  readonly windowSeconds: number | null;
  /** The log only grows so far: the stream has at least so long, and maybe much longer. */
  readonly windowAtLeast: boolean;
}

export const UNKNOWN_WINDOW: WindowLeft = { windowSeconds: null, windowAtLeast: false };

/** What is left to a position at this source time. */
export function windowLeft({ oldestMs, newestMs, keepsMs }: HistoryWindow, atMs: number): WindowLeft {
  const leftMs = keepsMs === null ? atMs - oldestMs : keepsMs - (newestMs - atMs);
  return { windowSeconds: Math.max(0, Math.round(leftMs / 1000)), windowAtLeast: keepsMs === null };
}

/** Asks in the background how far back the source remembers, and not often. */
export class WindowWatch {
  readonly #source: Pick<Source, 'window' | 'timeOf'>;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  #last: HistoryWindow | null = null;
  #nextMs = 0;

  constructor(source: Pick<Source, 'window' | 'timeOf'>, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** As last found out. */
  left(position: Position | null): WindowLeft {
    this.#look();
    const atMs = position && this.#source.timeOf(position);
    return atMs === null || this.#last === null ? UNKNOWN_WINDOW : windowLeft(this.#last, atMs);
  }

  close(): void {
    this.#ended.abort();
    this.#nextMs = Infinity;
  }

  #look(): void {
    const clock = this.#clock;
    const now = clock.monotonic();
    if (now < this.#nextMs) return;
    this.#nextMs = Infinity;
    void this.#source
      .window(this.#ended.signal)
      .catch(() => null)
      .then((window) => {
        this.#last = window;
        // A slow answer is asked for less often.
        if (!this.#ended.signal.aborted)
          this.#nextMs = clock.monotonic() + EVERY_MS + SHARE * (clock.monotonic() - now);
      });
  }
}
