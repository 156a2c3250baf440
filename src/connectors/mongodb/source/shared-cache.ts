import { abortable } from '../../../core/async/abortable';

/** Near enough for people, and below the time after which a leg asks again. */
const FRESH_MS = 8_000;
/** A slow answer is good for so many times as long as it took. */
export const SHARE = 50;

/** An answer that takes less may be asked for as often as it is of use. */
const QUICK_MS = 100;

interface Answer<T> {
  readonly value: T;
  readonly untilMs: number;
}

/**
 * Answers of some seconds ago, by deployment. What many streams of a worker ask of one deployment is asked by one of them:
 * some servers read their whole log into memory to tell where it begins.
 */
export class SharedCache<T> {
  readonly #answers = new Map<string, Answer<T>>();
  /** How long the last answer took, whatever it was. */
  readonly #tookMs = new Map<string, number>();
  readonly #asking = new Map<string, Promise<T | null>>();

  /** `ask` answers null where its stream cannot tell, such as for a missing privilege. Another stream may, so null is not shared. */
  async get(key: string, ask: () => Promise<T | null>, signal: AbortSignal): Promise<T | null> {
    const known = this.#answers.get(key);
    if (known !== undefined && performance.now() < known.untilMs) return known.value;
    const asking = this.#asking.get(key);
    if (asking === undefined) return abortable(this.#ask(key, ask), signal);
    const shared = await abortable(
      asking.catch(() => null),
      signal,
    );
    return shared ?? abortable(ask(), signal);
  }

  /** Asks anew where the last answer came quickly; a slow deployment gives its last answer again. */
  async fresh(key: string, ask: () => Promise<T | null>, signal: AbortSignal): Promise<T | null> {
    const asking = this.#asking.get(key);
    if (asking !== undefined)
      await abortable(
        asking.catch(() => null),
        signal,
      );
    const isQuick = (this.#tookMs.get(key) ?? 0) < QUICK_MS;
    return isQuick ? abortable(this.#ask(key, ask), signal) : this.get(key, ask, signal);
  }

  #ask(key: string, ask: () => Promise<T | null>): Promise<T | null> {
    const began = performance.now();
    const asking = ask()
      .then((value) => {
        const now = performance.now();
        const tookMs = now - began;
        this.#tookMs.set(key, tookMs);
        if (value !== null) this.#answers.set(key, { value, untilMs: now + Math.max(FRESH_MS, SHARE * tookMs) });
        return value;
      })
      .finally(() => {
        if (this.#asking.get(key) === asking) this.#asking.delete(key);
      });
    this.#asking.set(key, asking);
    return asking;
  }
}
