import { isMasked, lookUp, maskReferences, type ReferenceSources } from '../../config/reference';
import { isSecretName, Secret } from '../../config/secret';

const SCHEME = /^mongodb(\+srv)?:\/\//iu;
const MASKED = /\uE000\d+\uE001/gu;

export interface Parts {
  readonly scheme: string;
  /** Everything before the host; null when there is none. */
  readonly userinfo: string | null;
  readonly hosts: string;
  readonly query: string;
}

const authorityOf = (rest: string): string => /^[^/?#]*/u.exec(rest)?.[0] ?? '';

/** Host names with ports, and nothing that could be `user:password`. */
const looksLikeHosts = (authority: string): boolean =>
  authority.split(',').every((host) => /^(\[[^\]]*\]|[^:@]*)(:(\d+|\uE000\d+\uE001))?$/u.test(host));

/**
 * Taken apart to err on the safe side: whatever could be a password that lacks its percent-encoding counts as
 * userinfo, so that it is refused or hidden.
 */
export function takeApart(text: string): Parts | null {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return null;
  const rest = text.slice(scheme.length);
  const authority = authorityOf(rest);
  const question = rest.indexOf('?');
  const beforeQuery = question < 0 ? rest : rest.slice(0, question);
  // An option may hold an "@"; what has no "=" before it is none.
  const oddQuery = /^[^=]*@/u.test(rest.slice(beforeQuery.length));
  const span = !oddQuery && (authority.includes('@') || looksLikeHosts(authority)) ? beforeQuery : rest;
  const at = span.lastIndexOf('@');
  const tail = rest.slice(at + 1);
  const tailQuery = tail.indexOf('?');
  return {
    scheme: scheme.toLowerCase(),
    userinfo: at < 0 ? null : rest.slice(0, at),
    hosts: authorityOf(tail),
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

const holdsProperties = (option: string): boolean => option.toLowerCase() === 'authmechanismproperties';

/** What a connection string shows that only a reference may. */
export function secrets(connectionString: string): readonly string[] {
  const parts = takeApart(maskReferences(connectionString).text);
  if (parts === null) return [];
  const open = (value: string): boolean => value !== '' && !isMasked(value);
  const found: string[] = [];
  const colon = parts.userinfo?.indexOf(':') ?? -1;
  if (colon >= 0 && open(parts.userinfo?.slice(colon + 1) ?? '')) found.push('a password');
  for (const [name, value] of options(parts.query)) {
    if (holdsProperties(name)) {
      for (const property of value.split(',')) {
        const key = property.slice(0, Math.max(0, property.indexOf(':')));
        if (isSecretName(key) && open(property.slice(key.length + 1)))
          found.push(`a secret in its option ${name} ${key}`);
      }
    } else if (isSecretName(name) && open(value)) found.push(`a secret in its option ${name}`);
  }
  return found;
}

/** Two names for one deployment still differ: only the servers could tell. */
export function deployment(connectionString: string): string {
  const { text, restore } = maskReferences(connectionString);
  const parts = takeApart(text);
  if (parts === null) return connectionString;
  const hosts = restore(parts.hosts)
    .split(',')
    .map((host) => (host.startsWith('${') ? host : host.toLowerCase().replace(/:27017$/u, '')));
  return parts.scheme + hosts.sort().join(',');
}

/**
 * A reference stands for the value itself: inside the userinfo and the options it is percent-encoded on the way in,
 * so that a password may hold any character. A reference to a whole connection string, or to a host, goes in as it is.
 */
export function resolve(connectionString: string, sources: ReferenceSources = {}): Secret {
  const { text, restore } = maskReferences(connectionString);
  const parts = takeApart(text);
  const hostsFrom =
    parts === null ? 0 : parts.scheme.length + (parts.userinfo === null ? 0 : parts.userinfo.length + 1);
  const optionsFrom = text.indexOf('?', hostsFrom);
  const places = Array.from(text.matchAll(MASKED), ({ index }) => index);
  let next = 0;
  return new Secret(
    restore(text, (reference) => {
      const at = places[next++] ?? 0;
      const value = lookUp(reference, sources);
      const encoded = parts !== null && (at < hostsFrom || (optionsFrom >= 0 && at > optionsFrom));
      return encoded ? encodeURIComponent(value) : value;
    }),
  );
}

/** An option whose name says secret loses its value, up to the next `&`: a value may hold `;` and `?`. */
function redactOption(option: string): string {
  for (const match of option.matchAll(/(?:^|[;?])([^=;?]+)=/gu)) {
    const name = decode(match[1] ?? '');
    if (isSecretName(name) || holdsProperties(name)) return `${option.slice(0, match.index + match[0].length)}***`;
  }
  return option;
}

/** A connection string without its login and its secret options; rather too little of it than too much. */
export function redact(connectionString: string): string {
  const { text, restore } = maskReferences(connectionString);
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return connectionString;
  const rest = text.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  // No "@", but `user:password` may have lost it, where a text was cut. What ends a sentence is no part of a host.
  if (at < 0 && !looksLikeHosts(authorityOf(rest).replace(/[:.,;)\]}"'`>]+$/u, ''))) return `${scheme}…`;
  const shown = rest.slice(at + 1);
  const question = shown.indexOf('?');
  const query = question < 0 ? '' : shown.slice(question + 1);
  const visible = question < 0 ? shown : `${shown.slice(0, question)}?${query.split('&').map(redactOption).join('&')}`;
  return restore(`${scheme}${at < 0 ? '' : '***@'}${visible}`);
}
