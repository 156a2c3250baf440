import { GracefulShutdownPeriodExpiredError } from '@temporalio/worker';
import { isReplicationError } from '../core/model/errors';
import { scrub } from '../telemetry/scrub';
import { ConnectError } from './temporal/connection';
import { SettingsError } from './settings';

/** Why the process ends, in one line where the reason is known and with the stack where it is not. */
export function reasonFor(error: unknown): string {
  if (!(error instanceof Error)) return scrub(String(error));
  if (error instanceof GracefulShutdownPeriodExpiredError) {
    return 'not all legs drained within service.graceful_shutdown_timeout; their streams go on from the last durable position';
  }
  const { remedy } = error as Error & { remedy?: unknown };
  if (isReplicationError(error) || error instanceof SettingsError || error instanceof ConnectError) {
    return scrub(error.message);
  }
  if (typeof remedy === 'string') return scrub(`${error.message}${remedy === '' ? '' : `; ${remedy}`}`);
  return scrub(error.stack ?? error.message);
}
