import { scrub } from '../../telemetry/scrub';
import { connectionOf } from '../../connectors/connections';
import { unknownConnection, WHOLE } from '../../connectors/unknown-connection';
import type { Found, Path } from './problem';
import { hasMalformedReference, isReference, referencesIn } from '../reference';
import { isSecretName } from '../secret';

const MAY_REFER = new Set(['connection_string', 'username', 'password', 'ca_file', 'certificate_key_file']);
/** Settings that say where a database is, of kinds to come too. */
const CONNECTION = /^(?:connection[_-]?(?:string|ur[il])|ur[il]|dsn)$/iu;
/** `${SOURCE_URI}`: a reference that lacks its kind, and no secret. */
const MISSPELT = /^\$\{(?!env:|file:)[A-Za-z_][A-Za-z0-9_]*\}$/u;
/** Its keys are names of collections, such as `shop.tokens`. */
const NAMES = 'namespaces';

const UPPER = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/gu, '$1_$2')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/gu, '_');

/** A name that a person would give the variable: `ORDERS_SOURCE_URI`. */
const variable = (owner: string, suffix: string): string => `\${env:${UPPER(owner)}_${suffix}}`;

/** The id of the stream or login that a path lies in, and the side of it. */
function ownerOf(root: unknown, path: Path): string {
  let value: unknown = root;
  let owner = 'TRIBUTARY';
  for (const part of path) {
    if (part === 'source' || part === 'destination') owner += `_${part}`;
    value = (value as Record<string | number, unknown>)[part];
    const id = (value as { id?: unknown } | null | undefined)?.id;
    // An id that is none may be anything, and is not repeated.
    if (typeof id === 'string' && /^[\w.-]{1,100}$/u.test(id)) owner = /^[a-z]/iu.test(id) ? id : `S_${id}`;
  }
  return owner;
}

/** The name of what stands at a path: that of the list for its entries. */
const nameOf = (path: Path): string => path.findLast((part) => typeof part === 'string') ?? '';

/** A section whose name says secret is one as a whole: `credentials: { key: … }`. */
const isSecret = (path: Path): boolean => {
  const names = path.filter((part) => typeof part === 'string');
  const end = names.indexOf(NAMES);
  const keys = end < 0 ? names : names.slice(0, end);
  const name = keys.at(-1) ?? '';
  return (
    keys.some(isSecretName) && (isSecretName(name) || !/^(?:user|username|type|id|mechanism|file|path)$/iu.test(name))
  );
};

function inlineSecrets(path: Path, text: string): readonly string[] {
  const name = nameOf(path);
  if (isSecret(path)) return text === '' || isReference(text) ? [] : ['is a secret in plain text'];
  const connection = connectionOf(text);
  const known = connection !== unknownConnection;
  if (known || CONNECTION.test(name))
    return connection
      .secrets(text)
      .map((secret) =>
        secret === WHOLE
          ? 'is an address of a kind that is not known here, so that all of it counts as a secret'
          : `holds ${secret} as plain text`,
      );
  return scrub(text) === text ? [] : ['holds an address or a password that counts as a secret'];
}

function remedyFor(root: unknown, path: Path): string {
  const name = nameOf(path);
  const key = /^[\w.-]{1,60}$/u.test(name) ? name : 'KEY';
  const suffix = CONNECTION.test(name) || !isSecretName(name) ? 'URI' : UPPER(name);
  const write = `keep secrets out of files: write ${key}: "${variable(ownerOf(root, path), suffix)}" and set that variable in the environment of the workers, or `;
  return name === 'connection_string'
    ? `${write}use auth_id with an entry of authentication`
    : `${write}${key}: "\${file:/run/secrets/NAME}"`;
}

function checkText(root: unknown, path: Path, text: string): Found[] {
  const malformed = {
    message: 'holds something in ${…} that is no reference',
    remedy: 'write ${env:NAME} or ${file:/path}',
  };
  if (MISSPELT.test(text)) return [{ path, ...malformed }];
  const secrets = inlineSecrets(path, text);
  if (secrets.length > 0) return secrets.map((message) => ({ path, message, remedy: remedyFor(root, path) }));
  if (hasMalformedReference(text)) return [{ path, ...malformed }];
  const name = nameOf(path);
  if (referencesIn(text).length === 0 || MAY_REFER.has(name) || CONNECTION.test(name) || isSecret(path)) return [];
  const remedy = `write the value itself; references are read in ${[...MAY_REFER].join(', ')}`;
  return [{ path, message: 'cannot be a reference', remedy }];
}

function checkAny(root: unknown, value: unknown, path: Path): readonly Found[] {
  if (typeof value === 'string') return checkText(root, path, value);
  if (typeof value === 'number') return isSecret(path) ? checkText(root, path, String(value)) : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => checkAny(root, item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => checkAny(root, item, [...path, key]));
}

/** Runs over the raw input, so that a secret is refused wherever it stands and whatever else is wrong. */
export const checkSecrets = (root: unknown): readonly Found[] => checkAny(root, root, []);
