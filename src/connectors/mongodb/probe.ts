import * as os from 'node:os';
import { connect as connectTls } from 'node:tls';
import { MongoClient, MongoServerSelectionError, type Document, type HostAddress } from 'mongodb';
import { isDoubtful, type Cause } from './unreachable';

const PATIENCE_MS = 2_000;
const MOST_HOSTS = 3;

/** How a server presents itself to a client that wants nothing of it: no login, no replica set. Null where it does not answer. */
async function hello(client: MongoClient, host: HostAddress, tls: boolean): Promise<Document | null> {
  const { tlsCertificateKeyFile } = client.options;
  await using asking = new MongoClient(`mongodb://${host.toString()}/?directConnection=true`, {
    serverSelectionTimeoutMS: PATIENCE_MS,
    connectTimeoutMS: PATIENCE_MS,
    runtimeAdapters: { os },
    // Nothing secret is sent, and nothing that is answered is trusted with anything.
    ...(tls && { tls, tlsAllowInvalidCertificates: true }),
    ...(tls && tlsCertificateKeyFile !== undefined && { tlsCertificateKeyFile }),
  });
  return await asking
    .db('admin')
    .command({ hello: 1 })
    .catch(() => null);
}

/** Whether a port answers a TLS handshake, whatever certificate it shows. */
function speaksTls({ host, port }: HostAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: host ?? 'localhost', port: port ?? 27017, rejectUnauthorized: false });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PATIENCE_MS, () => end(false));
    socket.once('secureConnect', () => end(true));
    socket.once('error', () => end(false));
  });
}

async function otherSet(client: MongoClient, host: HostAddress): Promise<Cause | null> {
  const answer = await hello(client, host, client.options.tls);
  if (answer === null) return null;
  const wanted = JSON.stringify(client.options.replicaSet);
  const name: unknown = answer['setName'];
  if (typeof name === 'string') {
    return {
      text: `${host.toString()} belongs to the replica set ${JSON.stringify(name)}, and replicaSet asks for ${wanted}`,
      remedy: `Write replicaSet=${name}, or leave it out.`,
    };
  }
  const kind = answer['msg'] === 'isdbgrid' ? 'a mongos' : 'a single server without a replica set';
  return {
    text: `${host.toString()} is ${kind}, and replicaSet asks for ${wanted}`,
    remedy:
      answer['msg'] === 'isdbgrid'
        ? 'Leave replicaSet out.'
        : 'Start it with --replSet and run rs.initiate() once (one member is enough), or correct the host.',
  };
}

async function otherTransport(client: MongoClient, host: HostAddress): Promise<Cause | null> {
  if (client.options.tls) {
    if ((await hello(client, host, false)) === null) return null;
    return {
      text: `${host.toString()} answers without TLS, and the connection asks for it`,
      remedy: 'Remove tls=true from the connection string (or tls from the auth_id), or let the server speak TLS.',
    };
  }
  if (!(await speaksTls(host))) return null;
  return {
    text: `${host.toString()} speaks TLS, and the connection does not ask for it`,
    remedy:
      'Add tls=true to the connection string, or tls to the auth_id, with the certificate authority where it is a private one.',
  };
}

/**
 * What only another question tells, when no server could be used: to which replica set a server belongs, and whether it wants
 * TLS. Without a login, so that nothing secret goes over a connection that is not the one that was asked for.
 */
export async function probe(client: MongoClient, error: unknown): Promise<Cause | null> {
  if (!(error instanceof MongoServerSelectionError)) return null;
  const servers = [...(error.reason?.servers.values() ?? [])];
  const silent = servers.length > 0;
  if (silent && !servers.every(isDoubtful)) return null;
  for (const host of client.options.hosts.slice(0, MOST_HOSTS)) {
    const found = await (silent ? otherTransport(client, host) : otherSet(client, host)).catch(() => null);
    if (found !== null) return found;
  }
  return null;
}
