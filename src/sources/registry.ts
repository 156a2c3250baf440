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

/** Loads only the driver of the configured kind. */
export async function openSource(
  config: SourceConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Source> {
  switch (config.type) {
    case 'mongodb':
      return (await import('./mongodb')).openSource(config, credentials, context);
  }
}
