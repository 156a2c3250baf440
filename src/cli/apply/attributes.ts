import { temporal as proto } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../../protocol/names';
import { createAttributes } from '../../temporal/attributes';
import { grpcCode } from '../explain';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';

const KEYWORD = proto.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;
const NAMES = Object.values(SEARCH_ATTRIBUTES);
/** gRPC's status codes. */
const ALREADY_EXISTS = 6;
const INVALID_ARGUMENT = 3;
/** Denied, not known to the server, not who it asks for: Temporal Cloud and restricted namespaces keep these calls for others. */
const REFUSED: readonly (number | undefined)[] = [7, 12, 16];

/** Search attributes make streams findable in the web UI; a server that does not know them refuses to start a stream. */
export interface Attributes {
  /** Known to be missing: this login may not register them. */
  readonly missing: readonly string[];
  /** This login may not even look: they may be there or not. */
  readonly unknown: boolean;
}

/** Registers what is missing, where this login may. Where it may not, everything but a new stream goes on. */
export async function registerSearchAttributes({ client, namespace }: Temporal): Promise<Attributes> {
  const { operatorService } = client.connection;
  let missing: string[];
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    missing = NAMES.filter((name) => !(name in customAttributes));
  } catch (error) {
    if (REFUSED.includes(grpcCode(error))) return { missing: [], unknown: true };
    throw error;
  }
  if (missing.length === 0) return { missing, unknown: false };
  try {
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (REFUSED.includes(grpcCode(error))) return { missing, unknown: false };
    // Another `apply` was faster.
    if (grpcCode(error) !== ALREADY_EXISTS) throw error;
  }
  return { missing: [], unknown: false };
}

/** Part of the documented JSON of `apply`. */
export interface MissingAttributes {
  readonly names: readonly string[];
  readonly remedy: string;
}

export const missingOf = ({ missing }: Attributes, namespace: string): MissingAttributes | null =>
  missing.length === 0
    ? null
    : { names: missing, remedy: `ask the administrator of the namespace for: ${createAttributes(namespace, missing)}` };

/** A new stream needs all of them. */
export function refuseMissing(stream: string, namespace: string, attributes: Attributes): void {
  const missing = missingOf(attributes, namespace);
  if (missing === null) return;
  throw new CliError(
    `stream ${stream} cannot start: namespace ${JSON.stringify(namespace)} has no search attributes ${missing.names.join(', ')}, and this login may not register them`,
    missing.remedy,
  );
}

/** What the server refused may be the attributes that this login could not list. */
export function startRefused(namespace: string, { unknown }: Attributes, cause: unknown): unknown {
  if (!unknown || codeOf(cause) !== INVALID_ARGUMENT) return cause;
  return new CliError(
    `Temporal refuses to start the stream: ${detailsOf(cause)}`,
    `this login may not list search attributes; where they are missing, ask the administrator of the namespace for: ${createAttributes(namespace, NAMES)}`,
    { cause },
  );
}

const codeOf = (error: unknown): number | undefined => grpcCode(error) ?? grpcCode((error as Error).cause);

const detailsOf = (error: unknown): string => {
  const { details, cause } = error as { readonly details?: string; readonly cause?: unknown };
  return details ?? (cause instanceof Error ? detailsOf(cause) : String(error));
};
