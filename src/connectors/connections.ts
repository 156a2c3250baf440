import { mongodbConnection } from './mongodb/connection';
import type { Connection } from './connection';
import { schemeOf, unknownConnection } from './unknown-connection';

/** One line for each kind. No driver is loaded for it. */
const CONNECTIONS = {
  mongodb: mongodbConnection,
} satisfies Record<string, Connection>;

const BY_SCHEME: ReadonlyMap<string, Connection> = new Map(
  Object.values(CONNECTIONS).flatMap((connection) => connection.schemes.map((scheme) => [scheme, connection] as const)),
);

/** How a source or destination of this kind is connected to. */
export const connectionFor = (kind: keyof typeof CONNECTIONS): Connection => CONNECTIONS[kind];

/** Who can read a setting, by its scheme. */
export const connectionOf = (setting: string): Connection => BY_SCHEME.get(schemeOf(setting)) ?? unknownConnection;

/** Whether a resolved setting is this connection's. */
export const belongsTo = (connection: Connection, setting: string): boolean =>
  connection.schemes.includes(schemeOf(setting));
