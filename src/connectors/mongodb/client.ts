import * as os from 'node:os';
import { MongoClient, type MongoClientOptions } from 'mongodb';
import type { Credentials } from '../../auth/credentials';
import type { ConnectorContext } from '../../core/ports/connector';
import { ReplicationError, THEN_RESUME } from '../../core/model/errors';
import { calmPools } from './driver/internals';
import { connectFailure } from './connect-failure';
import { uriFault } from './uri';

export interface ClientOptions {
  readonly appName: string;
  readonly role: 'source' | 'destination';
  /** What the connection string leaves open is taken from here, then from the defaults below. */
  readonly driver?: MongoClientOptions;
}

const DEFAULTS: MongoClientOptions = {
  // Short waits: the stream's own back-off decides how often to try again, and says so.
  serverSelectionTimeoutMS: 8_000,
  connectTimeoutMS: 8_000,
  waitQueueTimeoutMS: 10_000,
  // While an operation waits for a primary, the driver asks more often by itself. This is for idle clients: every stream has two.
  heartbeatFrequencyMS: 5_000,
  // Half the messages and connections of the driver's way to be told at once.
  serverMonitoringMode: 'poll',
  maxPoolSize: 50,
  retryReads: true,
  retryWrites: true,
  // The driver would import it by itself, fail under some test runners, and then tell the server no name.
  runtimeAdapters: { os },
};

/** What a connection string sets wins over the defaults: its author knows the network. */
function withoutGiven(connectionString: string, options: MongoClientOptions): MongoClientOptions {
  const given = new Set(
    Array.from(connectionString.matchAll(/[?&]([^=&]+)=/gu), (match) => (match[1] ?? '').toLowerCase()),
  );
  return Object.fromEntries(Object.entries(options).filter(([name]) => !given.has(name.toLowerCase())));
}

function loginOptions({ login, tls }: Credentials): MongoClientOptions {
  return {
    ...(login && {
      auth: { username: login.username, password: login.password.reveal() },
      authSource: login.authSource,
      ...(login.mechanism && { authMechanism: login.mechanism }),
    }),
    ...(tls && {
      tls: true,
      tlsAllowInvalidCertificates: tls.allowInvalidCertificates,
      ...(tls.caFile !== undefined && { tlsCAFile: tls.caFile }),
      ...(tls.certificateKeyFile !== undefined && { tlsCertificateKeyFile: tls.certificateKeyFile }),
    }),
  };
}

const refusedSettings = (role: string, message: string, remedy: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'invalid_connection',
    message: `the connection string of the ${role} ${message}`,
    remedy,
    then: THEN_RESUME,
  });

/** A connected client. Rejects with a `ReplicationError` that shows no secret. */
export async function openClient(
  credentials: Credentials,
  context: ConnectorContext,
  { appName, role, driver = {} }: ClientOptions,
): Promise<MongoClient> {
  const connectionString = credentials.connectionString.reveal();
  const unreadable = uriFault(connectionString);
  if (unreadable !== null) throw refusedSettings(role, unreadable.message, unreadable.remedy);
  let client: MongoClient;
  try {
    client = new MongoClient(connectionString, {
      ...withoutGiven(connectionString, { ...DEFAULTS, ...driver }),
      ...loginOptions(credentials),
      appName,
    });
  } catch {
    // The driver's message may quote the connection string, so it is dropped.
    throw refusedSettings(
      role,
      'contradicts the login or the TLS settings of the auth_id',
      'Give the login and the TLS options in one of the two places.',
    );
  }
  calmPools(client);
  try {
    await client.connect();
    return client;
  } catch (error) {
    context.log('debug', 'connect_failed', { role });
    const told = await connectFailure(client, error, role);
    await client.close().catch(() => undefined);
    throw told;
  }
}
