import { MongoNetworkTimeoutError, type MongoServerSelectionError, type ServerDescription } from 'mongodb';
import type { Meaning } from './error-codes';

/** Why one server cannot be used, and what to do about it. */
export interface Cause {
  readonly text: string;
  readonly remedy: string;
}

const cause = (text: string, remedy: string): Cause => ({ text, remedy });

const NO_ANSWER = cause('does not answer', 'Check that the server runs, and that no firewall stands between.');
const CLOSES = cause(
  'closes the connection',
  'Check that the port is that of a MongoDB server, and whether it wants TLS.',
);
const UNTRUSTED = cause(
  'shows a certificate that is not trusted',
  'Name its certificate authority with tlsCAFile, or with tls.ca_file of the auth_id.',
);
const NO_TLS = cause(
  'does not speak TLS',
  'Remove tls=true (or tls of the auth_id), or give the port that speaks TLS.',
);
const CLIENT_FILE = cause(
  'is not asked, because a certificate file cannot be used',
  'Check that tlsCertificateKeyFile (certificate_key_file) holds a certificate and its private key, and tlsCAFile (ca_file) certificates.',
);

/** By the codes of Node and OpenSSL. */
const CAUSES: Readonly<Record<string, Cause>> = {
  ECONNREFUSED: cause('refuses the connection', 'Check that the server runs there, and that host and port are right.'),
  ENOTFOUND: cause('is a name that is not known', 'Correct the host name, or let the name service know it.'),
  EAI_AGAIN: cause('is a name that the name service does not answer for', 'Check the host name and the name service.'),
  ENODATA: cause('is a name without SRV records', 'Correct the name, or write mongodb:// with hosts and ports.'),
  ETIMEDOUT: NO_ANSWER,
  EHOSTUNREACH: cause('cannot be reached from here', 'Check the host name, the network and its routes.'),
  ENETUNREACH: cause('cannot be reached from here', 'Check the host name, the network and its routes.'),
  ECONNRESET: CLOSES,
  EPIPE: CLOSES,
  EPROTO: NO_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_TLS_CERT_ALTNAME_INVALID: cause(
    'shows a certificate for another host name',
    'Use a name that the certificate holds, or give the server a certificate with this name.',
  ),
  CERT_HAS_EXPIRED: cause('shows a certificate that has expired', 'Give the server a new certificate.'),
  CERT_NOT_YET_VALID: cause('shows a certificate that is not valid yet', 'Check the clocks of both machines.'),
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
};

interface SystemError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
}

/** By its parts: an error of Node's own is no `Error` of every place that it is thrown to. */
const isObject = (error: unknown): error is SystemError => typeof error === 'object' && error !== null;

/** The system's code of an error or of what caused it. */
export function systemCode(error: unknown): string | null {
  for (let at = error; isObject(at); at = at.cause) if (typeof at.code === 'string') return at.code;
  return null;
}

/** What the system was asked when it failed, such as `open` or `querySrv`. */
export const systemCall = (error: unknown): string =>
  isObject(error) && typeof error.syscall === 'string' ? error.syscall : '';

/** A system's code as a cause; null where it has no better words. */
export function causeOf(error: unknown): Cause | null {
  const code = systemCode(error);
  if (code === null) return null;
  if (/^ERR_(?:OSSL|CRYPTO)_/u.test(code)) return CLIENT_FILE;
  return CAUSES[code] ?? null;
}

const ofServer = ({ error }: ServerDescription): Cause =>
  causeOf(error) ?? (error === null || error instanceof MongoNetworkTimeoutError ? NO_ANSWER : CLOSES);

/** Whether a server may answer when it is asked in another way: with TLS, or without. */
export const isDoubtful = (server: ServerDescription): boolean =>
  server.type === 'Unknown' && [NO_ANSWER, CLOSES, NO_TLS].includes(ofServer(server));

const SHOWN = 3;

/** Hosts that give the same cause together: `a:1, b:2: refuses the connection`. */
function grouped(servers: readonly ServerDescription[]): ReadonlyMap<Cause, readonly string[]> {
  const groups = new Map<Cause, string[]>();
  for (const server of servers) {
    const why = ofServer(server);
    groups.set(why, [...(groups.get(why) ?? []), server.address]);
  }
  return groups;
}

const listed = (names: readonly string[]): string =>
  names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`;

/** What the driver knows of each server that it tried, in words: host and cause. */
export function describeServers({ reason }: MongoServerSelectionError): Cause | null {
  const servers = [...(reason?.servers.values() ?? [])];
  if (servers.length === 0) {
    if (reason?.type !== 'ReplicaSetNoPrimary') return null;
    return cause(
      `no server belongs to the replica set ${JSON.stringify(reason.setName)}`,
      'Correct replicaSet in the connection string, or leave it out.',
    );
  }
  const down = servers.filter(({ type }) => type === 'Unknown');
  if (down.length < servers.length && reason?.type === 'ReplicaSetNoPrimary') {
    const up = servers.filter(({ type }) => type !== 'Unknown').map(({ address }) => address);
    return cause(
      `the replica set has no primary: of its members ${listed(up)} ${up.length === 1 ? 'answers' : 'answer'}${
        down.length === 0 ? '' : `, ${listed(down.map(({ address }) => address))} not`
      }`,
      'Nothing to do during an election; else check that a majority of the members is up, and that all of their names can be reached from here.',
    );
  }
  const groups = [...grouped(servers)];
  return cause(
    groups.map(([why, hosts]) => `${listed(hosts)} ${why.text}`).join('; '),
    groups.map(([why]) => why.remedy).join(' '),
  );
}

/** The meaning of a selection that found no server. */
export function unreachable(error: MongoServerSelectionError, fallback: Meaning): Meaning {
  const told = describeServers(error);
  return told === null ? fallback : { ...fallback, text: told.text, remedy: told.remedy };
}
