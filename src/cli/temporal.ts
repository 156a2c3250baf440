import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { TASK_QUEUE } from '../workflows/names';
import { CliError } from './failure';

const DEFAULT_ADDRESS = '127.0.0.1:7233';
const CONNECT_TIMEOUT_MS = 4_000;

/** A connection to Temporal with what else a command has to know about it. */
export interface Temporal extends AsyncDisposable {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
}

export interface TemporalTarget {
  readonly env: NodeJS.ProcessEnv;
  readonly profile?: string | undefined;
  /** How long to wait for an answer. */
  readonly timeoutMs?: number;
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

export async function connectTemporal(target: TemporalTarget): Promise<Temporal> {
  const { connection: options, namespace } = resolveTemporal(target);
  const connection = await Connection.connect({
    ...options,
    connectTimeout: target.timeoutMs ?? CONNECT_TIMEOUT_MS,
  }).catch((cause: unknown) => {
    throw new CliError(
      `Temporal does not answer at ${options.address}`,
      'start one on this machine with `tributary up -f FILE` (or `temporal server start-dev`), or set TEMPORAL_ADDRESS',
      { cause },
    );
  });
  return {
    client: new Client({ connection, namespace }),
    address: options.address,
    namespace,
    taskQueue: target.env['TRIBUTARY_TASK_QUEUE'] ?? TASK_QUEUE,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
