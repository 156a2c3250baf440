import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the package that holds this file, from src/ and from dist/ alike. */
export function version(): string {
  const text = readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
