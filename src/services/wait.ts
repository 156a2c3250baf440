import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf, ServiceError } from './errors';

export interface WaitOptions {
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** Why waiting is pointless, as soon as it is. */
  readonly hopeless?: () => string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks until the answer is not `undefined`; an error counts as "not yet" and is shown when time runs out. */
export async function waitFor<T>(ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  let last = '';
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = `: ${reasonOf(error)}`;
    }
    const hopeless = options.hopeless?.();
    if (hopeless !== undefined) throw new ServiceError(hopeless);
    if (Date.now() > deadline) {
      throw new ServiceError(`${options.what} did not happen within ${options.timeoutMs / 1000} s${last}`);
    }
    await sleep(options.everyMs ?? 50);
  }
}
