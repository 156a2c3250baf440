import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { TASK_QUEUE } from '../protocol/names';
import { abortable } from '../core/async/abortable';
import { isEncrypted, unreachable, type Unreachable } from '../temporal/unreachable';
import { grpcCode } from './explain';
import { CliError } from './failure';

const DEFAULT_ADDRESS = '127.0.0.1:7233';
const CONNECT_TIMEOUT_MS = 4_000;
const RETRY_MS = 250;
const UNIMPLEMENTED = 12;

/** A connection to Temporal with what else a command has to know about it. */
export interface Temporal extends AsyncDisposable {
  readonly client: Client;
  /** The same without the client's own tries: for what asks again by itself, tells why, and may be given up at any time. */
  readonly oneTry: Client;
  readonly address: string;
  readonly tls: boolean;
  readonly namespace: string;
  readonly taskQueue: string;
}

export interface TemporalTarget {
  readonly env: NodeJS.ProcessEnv;
  readonly profile?: string | undefined;
  /** How long to wait for an answer. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Resolved {
  readonly connection: ConnectionOptions & { readonly address: string };
  readonly namespace: string;
}

/** Environment and profile through Temporal's own rules, as every other Temporal tool reads them. */
export function resolveTemporal({ env, profile }: TemporalTarget): Resolved {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars,
      ...(profile === undefined ? {} : { profile }),
    });
    const { address, apiKey, tls, metadata } = connectionOptions;
    return {
      connection: {
        address: address ?? DEFAULT_ADDRESS,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(tls === undefined ? {} : { tls }),
        ...(metadata === undefined ? {} : { metadata }),
      },
      namespace: namespace ?? 'default',
    };
  } catch (cause) {
    throw new CliError(
      `the Temporal connection settings cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      'check --profile, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE and the other TEMPORAL_ variables',
      { cause },
    );
  }
}

/** Tries again until an answer comes, for as long as it may take; what waiting does not change is told at once. */
export async function connectTemporal(target: TemporalTarget): Promise<Temporal> {
  const { connection: options, namespace } = resolveTemporal(target);
  const { signal = new AbortController().signal } = target;
  const tls = isEncrypted(options);
  const deadline = Date.now() + (target.timeoutMs ?? CONNECT_TIMEOUT_MS);
  let told: Unreachable | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      const asking = await abortable(answering(options, deadline), signal);
      const connection = Connection.lazy(options);
      return {
        client: new Client({ connection, namespace }),
        oneTry: new Client({ connection: asking, namespace }),
        address: options.address,
        tls,
        namespace,
        taskQueue: target.env['TRIBUTARY_TASK_QUEUE'] ?? TASK_QUEUE,
        async [Symbol.asyncDispose]() {
          await Promise.all([connection.close(), asking.close()]);
        },
      };
    } catch (cause) {
      signal.throwIfAborted();
      const now = unreachable(cause, { tls });
      // The last try has the least time: what an earlier one was told says more than its silence.
      const why = now.silent ? (told ?? now) : now;
      told = why;
      if (why.final || Date.now() + RETRY_MS >= deadline) throw cannotUse(options.address, why, cause);
      await delay(RETRY_MS, undefined, { signal });
    }
  }
}

/** Waits for the first answer without the client's own tries, which end in `DEADLINE_EXCEEDED` and hide why. */
async function answering(options: Resolved['connection'], deadline: number): Promise<Connection> {
  const asking = Connection.lazy({ ...options, interceptors: [] });
  try {
    await asking.withDeadline(deadline, () => asking.workflowService.getSystemInfo({}));
  } catch (error) {
    // An old server does not know the question, which is an answer.
    if (grpcCode(error) === UNIMPLEMENTED) return asking;
    await asking.close();
    throw error;
  }
  return asking;
}

function cannotUse(address: string, { reason, remedy, final }: Unreachable, cause: unknown): CliError {
  if (final) return new CliError(`Temporal at ${address} cannot be used: ${reason}`, remedy, { cause });
  return new CliError(
    `Temporal does not answer at ${address} (${reason})`,
    `${remedy}; or start one on this machine with \`tributary up -f FILE\` (or \`temporal server start-dev\`)`,
    { cause },
  );
}
