import { setMaxListeners } from 'node:events';
import type { Clock } from '../ports/clock';
import { isReplicationError, tooSlow } from '../model/errors';

/** Runs `body` with a signal that aborts when `signal` does, or after so long: then it fails with `too_slow`. */
export async function within<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  body: (limit: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const stop = (): void => limit.abort(signal.reason);
  if (signal.aborted) stop();
  // Every writer of a leg listens to its one signal.
  setMaxListeners(0, signal);
  signal.addEventListener('abort', stop, { once: true });
  using _late = clock.timer(ms, () => limit.abort());
  try {
    return await body(limit.signal);
  } catch (error) {
    // What a server has said for sure counts, however late it came.
    const said = isReplicationError(error) && error.kind !== 'retry';
    if (limit.signal.aborted && !signal.aborted && !said) throw tooSlow(`a step was not done after ${ms / 1000} s`);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
