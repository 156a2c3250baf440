import { createRequire } from 'node:module';
import { ConnectionString } from 'mongodb-connection-string-url';
import { nearest } from '../../config/checks/near';
import type { Fault } from '../../config/checks/fault';
import { takeApart } from './connection-string';

interface OptionDescriptor {
  readonly type?: string;
}

interface Driver {
  readonly MongoClient: new (connectionString: string) => unknown;
}

// Not imported: a command line that names no driver's option need not wait for the driver.
const load = createRequire(__filename);
const driver = (): Driver => load('mongodb') as Driver;

/** The driver's own list of options, which it does not export; none where a later version keeps it elsewhere. */
function knownOptions(): Readonly<Record<string, OptionDescriptor>> {
  try {
    return (load('mongodb/lib/connection_string') as { OPTIONS?: Record<string, OptionDescriptor> }).OPTIONS ?? {};
  } catch {
    return {};
  }
}

const UNESCAPED: Fault = {
  message: 'holds a character that has to be percent-encoded, in its user name, its password or an option',
  remedy: 'write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25; or name the login with auth_id, as it is',
};
const UNREADABLE: Fault = {
  message: 'is no connection string that the driver reads',
  remedy: 'write mongodb://HOST:27017/?option=value&option=value',
};

const VALUES: Readonly<Record<string, string>> = {
  boolean: 'write true or false',
  int: 'write a whole number',
  uint: 'write a whole number, 0 or more',
};

/** A user name or password that the driver would read as something else, and take parts of it for hosts or options. */
const isUnescaped = (userinfo: string): boolean =>
  /[@/?#[\]]/u.test(userinfo) || userinfo.split(':').length > 2 || /%(?![0-9a-f]{2})/iu.test(userinfo);

function hostFault(hosts: string, srv: boolean): Fault | null {
  const names = hosts.split(',');
  if (hosts === '')
    return { message: 'names no host', remedy: 'write mongodb://HOST:27017/, or ${env:NAME} for all of it' };
  if (names.includes('')) return { message: 'names an empty host', remedy: 'separate hosts with one comma each' };
  const ports = names.flatMap((name) => /^(?:\[[^\]]*\]|[^:]*):(.*)$/u.exec(name)?.[1] ?? []);
  if (srv && (names.length > 1 || ports.length > 0))
    return {
      message: 'names several hosts or a port, and mongodb+srv:// takes one name',
      remedy: 'remove them, or write mongodb://',
    };
  const odd = ports.some((port) => !/^\d{1,5}$/u.test(port) || Number(port) < 1 || Number(port) > 65_535);
  return odd
    ? { message: 'names a port that is none', remedy: 'write a port from 1 to 65535; MongoDB listens on 27017' }
    : null;
}

function accepts(connectionString: string): boolean {
  try {
    new (driver().MongoClient)(connectionString);
    return true;
  } catch {
    return false;
  }
}

function withOnly(parsed: ConnectionString, keep: (name: string) => boolean): string {
  const copy = parsed.clone();
  for (const name of new Set(copy.searchParams.keys())) if (!keep(name)) copy.searchParams.delete(name);
  return copy.toString();
}

/** Which option the driver refuses, found by leaving each out: its message quotes values, and is never read. */
function optionFault(parsed: ConnectionString): Fault | null {
  const names = [...new Set(parsed.searchParams.keys())];
  const known = new Map(Object.entries(knownOptions()).map(([name, { type }]) => [name.toLowerCase(), { name, type }]));
  const unknown = known.size === 0 ? undefined : names.find((name) => !known.has(name.toLowerCase()));
  if (unknown !== undefined) {
    const guess = nearest(
      unknown,
      [...known.values()].map(({ name }) => name),
    );
    const remedy = guess === null ? 'remove it, or correct its name' : `did you mean ${guess}?`;
    return { message: `holds the option ${unknown}, which the driver does not know`, remedy };
  }
  if (accepts(parsed.toString())) return null;
  const alone = names.find((name) => accepts(withOnly(parsed, (other) => other !== name)));
  if (alone === undefined) {
    const refused = names.filter((name) => !accepts(withOnly(parsed, (other) => other === name)));
    return refused.length === 0
      ? UNREADABLE
      : {
          message: `holds options whose values the driver refuses: ${refused.join(', ')}`,
          remedy: 'correct or remove them',
        };
  }
  if (accepts(`mongodb://localhost/?${alone}=${encodeURIComponent(parsed.searchParams.get(alone) ?? '')}`))
    return {
      message: `holds the option ${alone}, which does not go with the rest of it`,
      remedy: `remove ${alone}, or what contradicts it`,
    };
  const type = known.get(alone.toLowerCase())?.type ?? '';
  const remedy =
    VALUES[type] ?? `correct or remove ${alone}; the MongoDB manual lists the values under "connection string options"`;
  return { message: `holds a value for ${alone} that the driver refuses`, remedy };
}

/**
 * Why the driver would refuse a connection string; null where it takes it. Names options and nothing else of the text: what
 * looks like a host or an option may be a part of a password whose characters are not encoded.
 */
export function uriFault(connectionString: string): Fault | null {
  const parts = takeApart(connectionString);
  if (parts === null) return null;
  if (parts.userinfo !== null && isUnescaped(parts.userinfo)) return UNESCAPED;
  const host = hostFault(parts.hosts, parts.scheme.startsWith('mongodb+srv'));
  if (host !== null) return host;
  let parsed: ConnectionString;
  try {
    parsed = new ConnectionString(connectionString);
  } catch {
    return connectionString.includes('@') ? UNESCAPED : UNREADABLE;
  }
  // What the two ways of reading see differently is no option that may be named.
  if (parts.hosts !== parsed.hosts.join(',')) return UNESCAPED;
  const told = optionFault(parsed);
  // What stands before an "@" may be a part of a password, and is no option that may be named.
  return told !== null && parts.query.includes('@') ? UNESCAPED : told;
}
