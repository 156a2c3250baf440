// Writes what follows from the configuration schema: docs/tributary.schema.json and the tables of docs/configuration.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
require('@swc-node/register');
const { jsonSchema } = require('../src/config/settings.ts');
const { configurationTables } = require('../src/config/documentation.ts');

const schemaPath = join(root, 'docs', 'tributary.schema.json');
const options = { ...(await resolveConfig(schemaPath)), parser: 'json' };
writeFileSync(schemaPath, await format(JSON.stringify(jsonSchema()), options));

const tablesPath = join(root, 'docs', 'configuration.md');
const page = readFileSync(tablesPath, 'utf8');
const begin = '<!-- prettier-ignore-start -->\n';
const end = '\n<!-- prettier-ignore-end -->';
writeFileSync(
  tablesPath,
  page.slice(0, page.indexOf(begin) + begin.length) + `\n${configurationTables()}\n` + page.slice(page.indexOf(end)),
);
