import { setMaxListeners } from 'node:events';

/** Rejects as soon as the signal aborts, for promises that take no signal. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // First of all: without a handler, a promise that rejects after the signal would end the process.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  // Every lane and loader listens to the one signal of its leg.
  setMaxListeners(0, signal);
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortReason(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
    aborted.catch(() => undefined);
  }
}

const abortReason = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new DOMException('the operation was aborted', 'AbortError');
