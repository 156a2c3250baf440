import { setTimeout as sleep } from 'node:timers/promises';
import { abortable } from '../core/async/abortable';
import { reasonOf, ServiceError } from './errors';

export interface WaitOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** Why waiting is pointless, as soon as it is. */
  readonly hopeless?: () => string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks until the answer is not `undefined`; an error counts as "not yet" and is shown when time runs out. Rejects as soon as the
 * signal aborts, also in the middle of a question: what is still asked for then ends by itself.
 */
export async function waitFor<T>(ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const { what, timeoutMs, everyMs = 50, signal = new AbortController().signal } = options;
  const deadline = Date.now() + timeoutMs;
  let last = '';
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = await abortable(ask(), signal);
      if (answer !== undefined) return answer;
    } catch (error) {
      signal.throwIfAborted();
      last = `: ${reasonOf(error)}`;
    }
    const hopeless = options.hopeless?.();
    if (hopeless !== undefined) throw new ServiceError(hopeless);
    if (Date.now() > deadline) throw new ServiceError(`${what} did not happen within ${timeoutMs / 1000} s${last}`);
    await sleep(everyMs, undefined, { signal });
  }
}
