import { isReference, lookUp, replaceReferences, type ReferenceSources } from './reference';
import { Secret } from './secret';

const SCHEME = /^mongodb(\+srv)?:\/\//u;
const SECRET_OPTION = /passw(or)?d|secret|token|credential|apikey/iu;
/** Stands for a reference while the text around it is taken apart: no character of it means anything in a URI. */
const placeholder = (index: number): string => `\uE000${index}\uE001`;
const PLACEHOLDERS_ONLY = /^(\uE000\d+\uE001)+$/u;

interface Parts {
  readonly scheme: string;
  /** Everything before the host; null when there is none. */
  readonly userinfo: string | null;
  readonly hosts: string;
  readonly query: string;
}

/**
 * Taken apart to err on the safe side: whatever could be a password that lacks its percent-encoding counts as
 * userinfo, so that it is refused or hidden.
 */
export function takeApart(text: string): Parts | null {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return null;
  const rest = text.slice(scheme.length);
  const end = rest.search(/[/?#]/u);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const question = rest.indexOf('?');
  const beforeQuery = question < 0 ? rest : rest.slice(0, question);
  const looksLikeHosts = authority
    .split(',')
    .every((host) => /^(\[[^\]]*\]|[^:@]*)(:(\d*|\uE000\d+\uE001))?$/u.test(host));
  // An option may hold an "@"; what has no "=" before it is none.
  const oddQuery = /^[^=]*@/u.test(rest.slice(beforeQuery.length));
  const span = authority.includes('@') || (looksLikeHosts && !oddQuery) ? beforeQuery : rest;
  const at = span.lastIndexOf('@');
  const tail = rest.slice(at + 1);
  const tailEnd = tail.search(/[/?#]/u);
  const tailQuery = tail.indexOf('?');
  return {
    scheme,
    userinfo: at < 0 ? null : rest.slice(0, at),
    hosts: tailEnd < 0 ? tail : tail.slice(0, tailEnd),
    query: tailQuery < 0 ? '' : tail.slice(tailQuery + 1),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const options = (query: string): readonly (readonly [string, string])[] =>
  query
    .split(/[&;]/u)
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? [decode(part), ''] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });

/** What a connection string shows that only a reference may: `the password`, or the name of an option. */
export function inlineSecrets(connectionString: string): readonly string[] {
  let count = 0;
  const parts = takeApart(replaceReferences(connectionString, () => placeholder(count++)));
  if (parts === null) return [];
  const open = (value: string): boolean => value !== '' && !PLACEHOLDERS_ONLY.test(value);
  const found: string[] = [];
  const colon = parts.userinfo?.indexOf(':') ?? -1;
  if (colon >= 0 && open(parts.userinfo?.slice(colon + 1) ?? '')) found.push('the password');
  for (const [name, value] of options(parts.query)) {
    if (name.toLowerCase() === 'authmechanismproperties') {
      for (const property of value.split(',')) {
        const key = property.slice(0, Math.max(0, property.indexOf(':')));
        if (SECRET_OPTION.test(key) && open(property.slice(key.length + 1))) found.push(`${name} ${key}`);
      }
    } else if (SECRET_OPTION.test(name) && open(value)) found.push(name);
  }
  return found;
}

/** Whether the connection string itself says who logs in. */
export const hasLogin = (connectionString: string): boolean => {
  let count = 0;
  return takeApart(replaceReferences(connectionString, () => placeholder(count++)))?.userinfo != null;
};

/** Whether a text is a MongoDB connection string, or a reference that may turn out to be one. */
export const isConnectionString = (text: string): boolean => SCHEME.test(text) || isReference(text);

/**
 * Equal for connection strings that surely name one deployment, whoever logs in and with whatever options. Two names
 * for one deployment still differ: only the servers could tell.
 */
export function deploymentKey(connectionString: string): string {
  let count = 0;
  const references: string[] = [];
  const parts = takeApart(
    replaceReferences(connectionString, (reference) => {
      references.push(reference);
      return placeholder(count++);
    }),
  );
  if (parts === null) return connectionString;
  const hosts = parts.hosts
    .replace(/\uE000(\d+)\uE001/gu, (_match, index: string) => references[Number(index)] ?? '')
    .split(',')
    .map((host) => (host.startsWith('${') ? host : host.toLowerCase().replace(/:27017$/u, '')));
  return parts.scheme + hosts.sort().join(',');
}

/**
 * A reference stands for the value itself: inside the userinfo and the options it is percent-encoded on the way in,
 * so that a password may hold any character. A reference to a whole connection string, or to a host, goes in as it is.
 */
export function resolveConnectionString(connectionString: string, sources: ReferenceSources = {}): Secret {
  let count = 0;
  const masked = replaceReferences(connectionString, () => placeholder(count++));
  const parts = takeApart(masked);
  const hostsFrom =
    parts === null ? 0 : parts.scheme.length + (parts.userinfo === null ? 0 : parts.userinfo.length + 1);
  const optionsFrom = masked.indexOf('?', hostsFrom);
  let index = 0;
  return new Secret(
    replaceReferences(connectionString, (reference) => {
      const at = masked.indexOf(placeholder(index++));
      const value = lookUp(reference, sources);
      const encoded = parts !== null && (at < hostsFrom || (optionsFrom >= 0 && at > optionsFrom));
      return encoded ? encodeURIComponent(value) : value;
    }),
  );
}

/** Takes logins and secret options out of every MongoDB connection string in a text; rather too much than too little. */
export const redact = (text: string): string =>
  text.replace(/(mongodb(?:\+srv)?:\/\/)(\S*)/giu, (_match, scheme: string, rest: string) => {
    const at = rest.lastIndexOf('@');
    const visible = at < 0 ? rest : `***@${rest.slice(at + 1)}`;
    return (
      scheme +
      visible.replace(/([?&;])([^=&;\s]+)=([^&;\s"'<>]*)/gu, (option: string, mark: string, name: string) =>
        SECRET_OPTION.test(decode(name)) || decode(name).toLowerCase() === 'authmechanismproperties'
          ? `${mark}${name}=***`
          : option,
      )
    );
  });
