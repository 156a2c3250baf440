import type { Credentials } from '../auth/credentials';
import type { DestinationConfig } from '../config/schema';
import type { ConnectorContext } from '../replication/connector';
import type { Destination } from '../replication/destination';

/** What `destinations/<kind>/index.ts` exports as `openDestination`. */
export type OpenDestination<C extends DestinationConfig> = (
  config: C,
  credentials: Credentials,
  context: ConnectorContext,
) => Promise<Destination>;

/** Loads only the driver of the configured kind. */
export async function openDestination(
  config: DestinationConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Destination> {
  switch (config.type) {
    case 'mongodb':
      return (await import('./mongodb')).openDestination(config, credentials, context);
  }
}
