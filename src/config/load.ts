import { readFileSync } from 'node:fs';
import { readDocument } from './document';
import { parseConfigInput } from './parse';
import { ConfigError } from './problem';
import { errorCode } from './reference';
import type { Config } from './schema';

/** A configuration from YAML or JSON text; `origin` names it in messages. Rejects with a `ConfigError` only. */
export const parseConfig = (text: string, origin = 'the configuration'): Config =>
  parseConfigInput(readDocument(text), origin);

/** The configuration in a YAML or JSON file, fully defaulted; references to secrets stay references. */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    const message = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    const remedy = 'name a YAML or JSON file; examples/ has one for each purpose';
    throw new ConfigError(path, [{ path: '', line: null, column: null, message, remedy }]);
  }
  return parseConfig(text.replace(/^\uFEFF/u, ''), path);
}
