import type { Connection, ConnectionOptions } from '@temporalio/client';
import { reasonOf } from '../errors';
import type { Report } from '../report';
import { waitFor } from '../wait';

export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'Text' | 'Int' | 'Double' | 'Bool' | 'Datetime'>>;

const START_MS = 60_000;

/** Waits until workflows could be started in the namespace. */
export async function namespaceReady(
  address: string,
  namespace: string,
  ending: () => string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const what = `an answer from Temporal at ${address}`;
  await waitFor(() => answers({ address, connectTimeout: 2_000 }, namespace), {
    what,
    timeoutMs: START_MS,
    hopeless: ending,
    signal,
  });
}

/** The server that the environment names, with its TLS and API key. */
export async function checkAddress(wanted: string | undefined): Promise<{ readonly namespace: string }> {
  const { options, namespace } = await fromEnvironment();
  const name = wanted ?? namespace;
  await answers(options, name);
  return { namespace: name };
}

/** On Temporal Cloud this takes other rights, so a refusal is told and left to a person. */
export async function registerSearchAttributes(
  namespace: string,
  searchAttributes: SearchAttributes,
  report: Report,
): Promise<void> {
  const { options } = await fromEnvironment();
  const { temporal } = await import('@temporalio/proto');
  const types = temporal.api.enums.v1.IndexedValueType;
  await withConnection(options, async ({ operatorService }) => {
    try {
      const known = (await operatorService.listSearchAttributes({ namespace })).customAttributes;
      const missing = Object.entries(searchAttributes).filter(([name]) => known[name] === undefined);
      if (missing.length === 0) return;
      const byName = missing.map(([name, type]) => [name, types[`INDEXED_VALUE_TYPE_${upper(type)}`]] as const);
      await operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(byName) });
    } catch (error) {
      const names = Object.entries(searchAttributes).map(([name, type]) => `${name} (${type})`);
      report(`Temporal: create the search attributes ${names.join(', ')} yourself: ${reasonOf(error)}`);
    }
  });
}

const upper = <T extends string>(text: T): Uppercase<T> => text.toUpperCase() as Uppercase<T>;

async function fromEnvironment(): Promise<{ readonly options: ConnectionOptions; readonly namespace: string }> {
  const { loadClientConnectConfig } = await import('@temporalio/envconfig');
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return { options: connectionOptions, namespace: namespace ?? 'default' };
}

const answers = (options: ConnectionOptions, namespace: string): Promise<true> =>
  withConnection(options, async ({ workflowService }) => {
    // The first listing also waits for the visibility store, which comes last.
    await workflowService.listWorkflowExecutions({ namespace, pageSize: 1 });
    return true as const;
  });

async function withConnection<T>(options: ConnectionOptions, use: (connection: Connection) => Promise<T>): Promise<T> {
  const { Connection } = await import('@temporalio/client');
  const connection = await Connection.connect(options);
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}
