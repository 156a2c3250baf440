import type { StreamConfig } from '../../../config/schema';
import type { CallFailure } from '../../shared/failure';

export interface Counters {
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** Times in a row that the ledger was found at our epoch or above, this one included. */
  readonly fencings: number;
}

export interface RetryTimes {
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
}

export type Next =
  { readonly do: 'go_on' } | { readonly do: 'wait'; readonly delayMs: number } | { readonly do: 'need_attention' };

/** A new workflow on an old ledger needs one jump; more in a row mean that another writer keeps taking over. */
const FENCINGS_AT_ONCE = 3;

export const retryTimes = (
  policy: StreamConfig['retry_policy'],
  durationMs: (duration: string) => number,
): RetryTimes => ({
  maxAttempts: policy.max_attempts,
  initialMs: durationMs(policy.initial_delay),
  maxMs: durationMs(policy.max_delay),
  multiplier: policy.backoff_multiplier,
});

/** Grows with every failure in a row, never beyond the maximum; half of it is random, so that streams do not beat in step. */
export function backOffMs(failures: number, times: RetryTimes, random: number): number {
  const full = Math.min(times.maxMs, times.initialMs * times.multiplier ** Math.min(64, Math.max(0, failures - 1)));
  return Math.round(full * (0.5 + random / 2));
}

/** What a failed call leads to. */
export function decide(failure: CallFailure, counters: Counters, times: RetryTimes, random: number): Next {
  if (failure.cause !== 'stream') return { do: 'go_on' };
  const { kind, retryAfterMs } = failure.info;
  const delayMs = Math.max(retryAfterMs ?? 0, backOffMs(counters.failures, times, random));
  switch (kind) {
    case 'fenced':
      return counters.fencings <= FENCINGS_AT_ONCE ? { do: 'go_on' } : { do: 'wait', delayMs };
    case 'retry':
      return times.maxAttempts > 0 && counters.failures >= times.maxAttempts
        ? { do: 'need_attention' }
        : { do: 'wait', delayMs };
    case 'poison':
    case 'needs_attention':
    case 'bug':
      return { do: 'need_attention' };
  }
}
