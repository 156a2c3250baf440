import type { Position } from './position';
import type { Source } from './source';

/** Some sources read their whole log to find its oldest entry. */
const EVERY_MS = 10_000;
/** So many times as long as the answer took. */
const SHARE = 50;

/** For how long the source still has what comes after a position: asked for in the background, and not often. */
export class WindowWatch {
  readonly #source: Pick<Source, 'window' | 'timeOf'>;
  readonly #ended = new AbortController();
  #oldestMs: number | null = null;
  #nextMs = 0;

  constructor(source: Pick<Source, 'window' | 'timeOf'>) {
    this.#source = source;
  }

  /** As last found out; null where nobody can tell. */
  seconds(position: Position | null): number | null {
    this.#look();
    const at = position && this.#source.timeOf(position);
    return at === null || this.#oldestMs === null ? null : Math.max(0, Math.round((at - this.#oldestMs) / 1000));
  }

  close(): void {
    this.#ended.abort();
    this.#nextMs = Infinity;
  }

  #look(): void {
    const now = performance.now();
    if (now < this.#nextMs) return;
    this.#nextMs = Infinity;
    void this.#source
      .window(this.#ended.signal)
      .then(
        ({ oldestMs }) => oldestMs,
        () => null,
      )
      .then((oldestMs) => {
        this.#oldestMs = oldestMs;
        // A slow answer is asked for less often.
        if (!this.#ended.signal.aborted)
          this.#nextMs = performance.now() + EVERY_MS + SHARE * (performance.now() - now);
      });
  }
}
