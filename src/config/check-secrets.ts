import { inlineSecrets } from './connection-string';
import type { Found, Path } from './problem';
import { hasMalformedReference, isReference, referencesIn } from './reference';

const MAY_REFER = new Set(['connection_string', 'username', 'password', 'ca_file', 'certificate_key_file']);

/** A name that a person would give the variable: `ORDERS_SOURCE_URI`. */
const variable = (owner: string, suffix: string): string =>
  `\${env:${owner.toUpperCase().replaceAll(/[^A-Z0-9]+/gu, '_')}_${suffix}}`;

/** The id of the stream or login that a path lies in, and the side of it. */
function ownerOf(root: unknown, path: Path): string {
  let value: unknown = root;
  let owner = 'TRIBUTARY';
  for (const part of path) {
    if (part === 'source' || part === 'destination') owner += `_${part}`;
    value = (value as Record<string | number, unknown>)[part];
    const id = (value as { id?: unknown } | null | undefined)?.id;
    if (typeof id === 'string' && id.length <= 100) owner = /^[a-z]/iu.test(id) ? id : `S_${id}`;
  }
  return owner;
}

function checkText(root: unknown, path: Path, text: string): Found[] {
  const key = path.at(-1);
  const name = typeof key === 'string' ? key : '';
  const found: Found[] = [];
  if (name === 'connection_string') {
    for (const secret of inlineSecrets(text)) {
      found.push({
        path,
        message: `holds ${secret === 'the password' ? 'a password' : `a secret in its option ${secret}`} as plain text`,
        remedy:
          `keep secrets out of files: write connection_string: "${variable(ownerOf(root, path), 'URI')}" and set that ` +
          'variable in the environment of the workers, or use auth_id with an entry of authentication',
      });
    }
  }
  if (name === 'password' && text !== '' && !isReference(text)) {
    found.push({
      path,
      message: 'is a password in plain text',
      remedy:
        `keep secrets out of files: write password: "${variable(ownerOf(root, path), 'PASSWORD')}" and set that ` +
        'variable in the environment of the workers, or password: "${file:/run/secrets/NAME}"',
    });
  } else if (hasMalformedReference(text)) {
    found.push({
      path,
      message: 'holds something in ${…} that is no reference',
      remedy: 'write ${env:NAME} or ${file:/path}',
    });
  } else if (referencesIn(text).length > 0 && !MAY_REFER.has(name)) {
    found.push({
      path,
      message: 'cannot be a reference',
      remedy: `write the value itself; references are read in ${[...MAY_REFER].join(', ')}`,
    });
  }
  return found;
}

function checkAny(root: unknown, value: unknown, path: Path): readonly Found[] {
  if (typeof value === 'string') return checkText(root, path, value);
  if (Array.isArray(value)) return value.flatMap((item, index) => checkAny(root, item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => checkAny(root, item, [...path, key]));
}

/** Runs over the raw input, so that a secret is refused wherever it stands and whatever else is wrong. */
export const checkSecrets = (root: unknown): readonly Found[] => checkAny(root, root, []);
