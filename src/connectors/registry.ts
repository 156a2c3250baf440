import type { Credentials } from '../auth/credentials';
import type { DestinationConfig, SourceConfig } from '../config/schema';
import type { ConnectorContext } from '../core/ports/connector';
import type { Destination } from '../core/ports/destination';
import type { Source } from '../core/ports/source';

/** What `connectors/<kind>/source/source.ts` exports as `openSource`. */
export type OpenSource<C extends SourceConfig> = (
  config: C,
  credentials: Credentials,
  context: ConnectorContext,
) => Promise<Source>;

/** What `connectors/<kind>/destination/open.ts` exports as `openDestination`. */
export type OpenDestination<C extends DestinationConfig> = (
  config: C,
  credentials: Credentials,
  context: ConnectorContext,
) => Promise<Destination>;

/** One line for each kind: only the driver of a configured kind is loaded. */
const SOURCES = {
  mongodb: () => import('./mongodb/source/source'),
};
const DESTINATIONS = {
  mongodb: () => import('./mongodb/destination/open'),
};

export async function openSource(
  config: SourceConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Source> {
  const kind = await SOURCES[config.type]();
  return kind.openSource(config, credentials, context);
}

export async function openDestination(
  config: DestinationConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Destination> {
  const kind = await DESTINATIONS[config.type]();
  return kind.openDestination(config, credentials, context);
}
