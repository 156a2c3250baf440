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

/** One line for each kind: only the driver of a configured kind is loaded. */
const KINDS = {
  mongodb: () => import('./mongodb'),
};

export async function openDestination(
  config: DestinationConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Destination> {
  const kind = await KINDS[config.type]();
  return kind.openDestination(config, credentials, context);
}
