import type { Credentials } from '../../../auth/credentials';
import type { MongodbDestinationConfig } from '../../../config/schema';
import { openClient } from '../client';
import type { ConnectorContext } from '../../../core/ports/connector';
import type { Destination } from '../../../core/ports/destination';
import { MongodbDestination } from './destination';

export async function openDestination(
  config: MongodbDestinationConfig,
  credentials: Credentials,
  context: ConnectorContext,
): Promise<Destination> {
  const client = await openClient(credentials, context, {
    appName: `tributary/${context.stream}`,
    role: 'destination',
    // A lane or a loader each holds one connection while it writes.
    driver: { maxPoolSize: 150 },
  });
  return new MongodbDestination(client, config, context);
}
