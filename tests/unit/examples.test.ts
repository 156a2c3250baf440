import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { resolveCredentials } from '../../src/auth/resolve';
import { configurationTables } from '../../src/config/documentation';
import { loadConfig, parseConfig } from '../../src/config/load';
import type { StreamSpec } from '../../src/config/schema';
import { isSection, jsonSchema, settings } from '../../src/config/settings';
import { parseSpec, toSpec } from '../../src/config/spec';

const root = join(__dirname, '..', '..');
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const examples = readdirSync(join(root, 'examples')).filter((name) => /\.(ya?ml|json)$/u.test(name));
const INPUT = 'workflow-input.json';
const files = examples.filter((name) => name !== INPUT);

/** Every variable and file that an example may name. */
const sources = {
  env: {
    SOURCE_URI: 'mongodb://reader:pw@source.example.com/',
    TARGET_URI: 'mongodb://writer:pw@target.example.com/',
    MONGODB_URI: 'mongodb://both:pw@db.example.com/',
    SOURCE_PASSWORD: 'pw',
  },
  readFile: (path: string): string => (path === '/run/secrets/target-password' ? 'pw\n' : ''),
};

const expectCredentials = (spec: StreamSpec): void => {
  for (const side of ['source', 'destination'] as const) {
    expect(resolveCredentials(spec, side, sources).connectionString.reveal()).toMatch(/^mongodb/u);
  }
};

describe.each(files)('examples/%s', (name) => {
  it('loads, and every reference of it resolves', () => {
    const config = loadConfig(join(root, 'examples', name));
    expect(config.streams.length).toBeGreaterThan(0);
    for (const { id } of config.streams) {
      const spec = toSpec(config, id);
      expect(parseSpec(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
      expectCredentials(spec);
    }
  });

  it('satisfies the JSON Schema and names it', () => {
    const text = read('examples', name);
    const ajv = new Ajv({ strict: false });
    const valid = ajv.validate(jsonSchema(), parse(text, { merge: true }));
    expect(ajv.errorsText()).toBe('No errors');
    expect(valid).toBe(true);
    expect(text).toContain(
      name.endsWith('.json')
        ? '"$schema": "../docs/tributary.schema.json"'
        : '# yaml-language-server: $schema=../docs/tributary.schema.json',
    );
  });
});

it('has an input for the Temporal CLI that says what the smallest file says', () => {
  const input = JSON.parse(read('examples', INPUT)) as { spec: unknown };
  const spec = parseSpec(input.spec);
  expect(spec).toEqual(toSpec(loadConfig(join(root, 'examples', 'smallest.yaml')), 'orders'));
  expectCredentials(spec);
});

describe('docs', () => {
  it('ship the JSON Schema of this very version (node scripts/generate-config.mjs writes it)', () => {
    expect(JSON.parse(read('docs', 'tributary.schema.json'))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
  });

  it('list every key of this very version (node scripts/generate-config.mjs writes them)', () => {
    expect(read('docs', 'configuration.md')).toContain(`\n${configurationTables()}\n`);
  });

  it('describe every key, and say of every value how a change takes effect', () => {
    const silent = settings().filter((setting) => setting.node.description === undefined);
    expect(silent.map(({ path }) => path)).toEqual([]);
    const undecided = settings().filter((setting) => !isSection(setting) && setting.node.effect === undefined);
    expect(undecided.map(({ path }) => path)).toEqual(['$schema', 'version', 'streams[].id']);
  });

  it('show whole files that load', () => {
    const blocks = [...read('docs', 'configuration.md').matchAll(/```yaml\n([\s\S]*?)```/gu)].map((match) => match[1]!);
    const whole = blocks.filter((block) => block.includes('version:'));
    expect(whole.length).toBeGreaterThan(0);
    for (const block of whole) expect(parseConfig(block).version).toBe('1');
  });
});
