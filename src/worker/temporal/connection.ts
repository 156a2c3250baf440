import { setTimeout as delay } from 'node:timers/promises';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { abortable } from '../../core/async/abortable';
import type { Log } from '../../core/ports/connector';
import { Trouble } from '../../telemetry/trouble';
import { isEncrypted, unreachable, type Unreachable } from '../../temporal/unreachable';
import { SettingsError } from '../settings';

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
const CHECK_EVERY_MS = 5_000;
const CHECK_TIMEOUT_MS = 3_000;
const ATTEMPT_MS = 10_000;
/** A server that sets itself up answers some seconds before its namespaces are there. */
const NAMESPACE_WAIT_MS = 10_000;

/** gRPC status codes. */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;

export interface TemporalConnection {
  readonly connection: NativeConnection;
  readonly address: string;
  readonly namespace: string;
  readonly tls: boolean;
}

/** The server did not answer in time, or refuses this client. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

interface Refusal extends Unreachable {
  /** The server answers, and does not know the namespace. */
  readonly missing: boolean;
}

interface Resolved {
  readonly options: Parameters<typeof NativeConnection.connect>[0] & { readonly address: string };
  readonly namespace: string;
}

/** Environment and profile through Temporal's own rules. */
function resolve(): Resolved {
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
    throw new SettingsError(
      `the TEMPORAL_ settings cannot be used: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** A server or a namespace that is still being made is waited for; one that never comes, and wrong credentials, are one clear error. */
export async function connectTemporal(log: Log, timeoutMs: number, signal: AbortSignal): Promise<TemporalConnection> {
  const { options, namespace } = resolve();
  const { address } = options;
  const tls = isEncrypted(options);
  const trouble = new Trouble(log, 'temporal.unreachable');
  const began = Date.now();
  let told: Refusal | undefined;
  for (let wait = FIRST_DELAY_MS; ; wait = Math.min(wait * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    const left = (): number => began + timeoutMs - Date.now();
    try {
      const connection = await connect(options, namespace, Math.max(1, Math.min(left(), ATTEMPT_MS)), signal);
      trouble.over({ address });
      return { connection, address, namespace, tls };
    } catch (error) {
      signal.throwIfAborted();
      const now = { ...unreachable(error, { tls }), missing: codeOf(error) === NOT_FOUND };
      // The last try has the least time: what an earlier one was told says more than its silence.
      const why = now.silent ? (told ?? now) : now;
      told = why;
      if (why.final) throw refused(address, why, error);
      const { missing } = why;
      if (wait >= left() || (missing && Date.now() - began + wait >= NAMESPACE_WAIT_MS)) {
        throw missing ? noNamespace(address, namespace, error) : notReached(address, timeoutMs, why, error);
      }
      trouble.failed({ address, reason: why.reason, remedy: why.remedy, retryInMs: wait });
      await delay(wait, undefined, { signal });
    }
  }
}

/** Neither a server that accepts and says nothing, nor a signal, is waited for. */
async function connect(
  options: Resolved['options'],
  namespace: string,
  leftMs: number,
  signal: AbortSignal,
): Promise<NativeConnection> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer for ${Math.ceil(leftMs / 1_000)} s`)), leftMs);
  const connecting = NativeConnection.connect(options);
  try {
    const connection = await abortable(connecting, AbortSignal.any([signal, late.signal]));
    await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => describe(connection, namespace));
    return connection;
  } catch (error) {
    connecting.then((connection) => connection.close()).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function describe(connection: NativeConnection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    // Not allowed to describe the namespace: the server answers, and that is what was asked.
    if (codeOf(error) === PERMISSION_DENIED) return;
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

const refused = (address: string, { reason, remedy }: Unreachable, cause: unknown): ConnectError =>
  new ConnectError(`Temporal at ${address} cannot be used: ${reason}; ${remedy}`, { cause });

const noNamespace = (address: string, namespace: string, cause: unknown): ConnectError =>
  new ConnectError(
    `Temporal at ${address} has no namespace ${JSON.stringify(namespace)}; create it (temporal operator namespace create -n ${namespace}) or set TEMPORAL_NAMESPACE`,
    { cause },
  );

const notReached = (
  address: string,
  timeoutMs: number,
  { reason, remedy }: Unreachable,
  cause: unknown,
): ConnectError =>
  new ConnectError(
    `Temporal at ${address} could not be reached for ${Math.round(timeoutMs / 1_000)} s (${reason}); ${remedy}`,
    { cause },
  );

/** Tells whether Temporal answers, until the signal aborts. The workers themselves go on polling whatever it says. */
export async function watchConnection(
  { connection, address, namespace, tls }: TemporalConnection,
  log: Log,
  told: (trouble: string | null) => void,
  signal: AbortSignal,
): Promise<void> {
  const trouble = new Trouble(log, 'temporal.unreachable');
  while (!signal.aborted) {
    try {
      await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => describe(connection, namespace));
      trouble.over({ address });
      told(null);
    } catch (error) {
      const { reason, remedy } = unreachable(error, { tls });
      if (!aborted(signal)) trouble.failed({ address, reason, remedy });
      told(`Temporal at ${address}, namespace ${namespace}: ${reason}`);
    }
    await delay(CHECK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

const aborted = (signal: AbortSignal): boolean => signal.aborted;
