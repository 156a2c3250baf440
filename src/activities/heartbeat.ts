import { Context } from '@temporalio/activity';

/** Each beat that is sent is billed on Temporal Cloud; and a cancellation is learnt only this often. */
const EVERY_MS = 2_000;
const LEAST_MS = 500;
/** Beats that may be late or lost before the call is given up. */
const BEATS = 5;

/**
 * Tells Temporal that the call lives, and what it last knew. Started before anything else and stopped after everything
 * else: a cancellation is only learnt from the answer to a heartbeat.
 */
export function startHeartbeat(progress: () => unknown): Disposable {
  const context = Context.current();
  const { heartbeatTimeoutMs = Infinity } = context.info;
  context.heartbeat(progress());
  const everyMs = Math.max(LEAST_MS, Math.min(EVERY_MS, heartbeatTimeoutMs / BEATS));
  const timer = setInterval(() => context.heartbeat(progress()), everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
