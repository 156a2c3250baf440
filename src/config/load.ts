import { readFileSync } from 'node:fs';
import { readDocument } from './document';
import { parseConfigInput } from './parse';
import { ConfigError } from './checks/problem';
import { errorCode } from './reference';
import type { Config } from './schema';
import { readText } from './values/text';

const EXAMPLES = 'name a YAML or JSON file; examples/ has one for each purpose';
const UNREADABLE: Readonly<Record<string, { readonly message: string; readonly remedy: string }>> = {
  ENOENT: { message: 'does not exist', remedy: EXAMPLES },
  EISDIR: { message: 'is a directory', remedy: EXAMPLES },
  EACCES: {
    message: 'may not be read by this user',
    remedy: 'give the user that runs this command the right to read it',
  },
};

/** A configuration from YAML or JSON text; `origin` names it in messages. Rejects with a `ConfigError` only. */
export const parseConfig = (text: string, origin = 'the configuration'): Config =>
  parseConfigInput(readDocument(text), origin);

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = errorCode(error);
    const told = UNREADABLE[code] ?? { message: `cannot be read (${code})`, remedy: EXAMPLES };
    throw new ConfigError(path, [{ path: '', line: null, column: null, ...told }]);
  }
}

/** The configuration in a YAML or JSON file, fully defaulted; references to secrets stay references. */
export function loadConfig(path: string): Config {
  const text = readText(bytesOf(path));
  if (typeof text !== 'string') throw new ConfigError(path, [text]);
  return parseConfig(text, path);
}
