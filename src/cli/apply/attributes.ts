import { temporal as proto } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../workflows/names';
import { grpcCode } from '../explain';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';

const KEYWORD = proto.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const ALREADY_EXISTS = 6;

/** Search attributes make streams findable in the web UI; a server that does not know them refuses to start a stream. */
export async function registerSearchAttributes({ client, namespace }: Temporal): Promise<void> {
  const { operatorService } = client.connection;
  const missing = await missingAttributes({ client, namespace }).catch((cause: unknown) => {
    throw notPermitted(namespace, Object.values(SEARCH_ATTRIBUTES), 'read', cause);
  });
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  try {
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (cause) {
    // Another `apply` was faster.
    if (grpcCode(cause) === ALREADY_EXISTS) return;
    throw notPermitted(namespace, missing, 'register', cause);
  }
}

async function missingAttributes({ client, namespace }: Pick<Temporal, 'client' | 'namespace'>): Promise<string[]> {
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
  return Object.values(SEARCH_ATTRIBUTES).filter((name) => !(name in customAttributes));
}

const notPermitted = (namespace: string, names: readonly string[], what: string, cause: unknown): CliError =>
  new CliError(
    `Temporal does not let this login ${what} search attributes in namespace ${JSON.stringify(namespace)}`,
    `ask its administrator for: temporal operator search-attribute create --namespace ${namespace} ${names
      .map((name) => `--name ${name} --type Keyword`)
      .join(' ')}`,
    { cause },
  );
