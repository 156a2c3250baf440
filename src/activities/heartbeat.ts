import { Context } from '@temporalio/activity';

/** The SDK throttles what it sends; this only has to be more often than that. */
const EVERY_MS = 1_000;

/**
 * Tells Temporal that the call lives, and what it last knew. Started before anything else and stopped after everything
 * else: a cancellation is only learnt from the answer to a heartbeat.
 */
export function startHeartbeat(progress: () => unknown): Disposable {
  const context = Context.current();
  context.heartbeat(progress());
  const timer = setInterval(() => context.heartbeat(progress()), EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
