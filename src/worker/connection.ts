import { setTimeout as delay } from 'node:timers/promises';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Log } from '../replication/connector';
import { Trouble } from '../telemetry/trouble';
import { SettingsError } from './settings';

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
const CHECK_EVERY_MS = 5_000;
const CHECK_TIMEOUT_MS = 3_000;

export interface TemporalConnection {
  readonly connection: NativeConnection;
  readonly address: string;
  readonly namespace: string;
}

/** The server did not answer in time, or refuses this client. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

/** The native client tells its errors as Rust prints them; a person wants the innermost message. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /message: "([^"]+)"/.exec(text)?.[1] ?? text.split('\n', 1).join();
}

/** Environment and profile through Temporal's own rules. */
function resolve(): {
  options: Parameters<typeof NativeConnection.connect>[0] & { address: string };
  namespace: string;
} {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig();
    const { address = '127.0.0.1:7233', apiKey, tls, metadata } = connectionOptions;
    return {
      options: {
        address,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(tls === undefined ? {} : { tls }),
        ...(metadata === undefined ? {} : { metadata }),
      },
      namespace: namespace ?? 'default',
    };
  } catch (error) {
    throw new SettingsError(`the TEMPORAL_ settings cannot be used: ${reasonOf(error)}`);
  }
}

/** A server that is still starting is waited for; one that never comes is one clear error. */
export async function connectTemporal(log: Log, timeoutMs: number, signal: AbortSignal): Promise<TemporalConnection> {
  const { options, namespace } = resolve();
  const { address } = options;
  const trouble = new Trouble(log, 'temporal.unreachable');
  const deadline = Date.now() + timeoutMs;
  for (let wait = FIRST_DELAY_MS; ; wait = Math.min(wait * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    try {
      const connection = await NativeConnection.connect(options);
      trouble.over({ address });
      return { connection, address, namespace };
    } catch (error) {
      const reason = reasonOf(error);
      if (Date.now() + wait >= deadline) {
        throw new ConnectError(
          `Temporal at ${address} could not be reached for ${Math.round(timeoutMs / 1_000)} s (${reason}); check TEMPORAL_ADDRESS, TEMPORAL_TLS and TEMPORAL_API_KEY`,
          { cause: error },
        );
      }
      trouble.failed({ address, reason, retryInMs: wait });
      await delay(wait, undefined, { signal });
    }
  }
}

/** Tells whether Temporal answers, until the signal aborts. The workers themselves go on polling whatever it says. */
export async function watchConnection(
  { connection, address, namespace }: TemporalConnection,
  log: Log,
  told: (trouble: string | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const trouble = new Trouble(log, 'temporal.unreachable');
  while (!signal.aborted) {
    try {
      await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
      trouble.over({ address });
      told(null);
    } catch (error) {
      // Not allowed to describe the namespace (5: no such namespace is real trouble): the server answers.
      const denied = (error as { code?: unknown }).code === 7;
      if (!denied && !aborted(signal)) trouble.failed({ address, reason: reasonOf(error) });
      told(denied ? null : `Temporal at ${address}, namespace ${namespace}: ${reasonOf(error)}`);
    }
    await delay(CHECK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

const aborted = (signal: AbortSignal): boolean => signal.aborted;
