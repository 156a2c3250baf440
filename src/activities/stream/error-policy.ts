import { durationMs } from '../../config/values/duration';
import type { StreamConfig } from '../../config/schema';
import type { ErrorPolicy } from '../../core/failures/rejected-changes';

/** How often `retry` tries again unless it is told. */
const RETRIES = 3;

export function errorPolicy({ error_handling: errors }: StreamConfig): ErrorPolicy {
  const { on_error: onError, max_retries: maxRetries = onError === 'retry' ? RETRIES : 0 } = errors;
  return { onError, maxRetries, retryDelayMs: durationMs(errors.retry_delay) };
}
