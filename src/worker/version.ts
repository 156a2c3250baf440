import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the package that holds this file, from src/ and from dist/ alike. */
export const version = (): string =>
  (JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }).version;
