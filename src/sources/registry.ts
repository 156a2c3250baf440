import type { Credentials } from '../auth/credentials';
import type { SourceConfig } from '../config/schema';
import type { ConnectorContext } from '../replication/connector';
import type { Source } from '../replication/source';

/** What `sources/<kind>/index.ts` exports as `openSource`. */
export type OpenSource<C extends SourceConfig> = (
  config: C,
  credentials: Credentials,
  context: ConnectorContext,
) => Promise<Source>;

/** One line for each kind: only the driver of a configured kind is loaded. */
const KINDS = {
  mongodb: () => import('./mongodb'),
};

export async function openSource(
  config: SourceConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Source> {
  const kind = await KINDS[config.type]();
  return kind.openSource(config, credentials, context);
}
