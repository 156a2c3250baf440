import { inspect } from 'node:util';
import fc from 'fast-check';
import { diffSpec } from '../../src/config/diff';
import { covers, overlap } from '../../src/config/values/glob';
import { loadConfig, parseConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/checks/problem';
import type { Config } from '../../src/config/schema';
import { parseSpec, toSpec } from '../../src/config/spec';
import { compileName, compileRenames, compileSelection } from '../../src/core/mapping/pattern';

const CANARY = 'c4nary';
const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,6}$/u);
const pattern = fc.stringMatching(/^[a-z*?.]{1,5}$/u);
const optional = <T extends object>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(shape, { requiredKeys: [] });
const time = fc.constantFrom('1ms', '250ms', '2s', '1m', '1.5h');

const connection = fc.constantFrom(
  '${env:A}',
  '${env:B}',
  '${file:/run/c}',
  'mongodb://h1,h2/?replicaSet=r',
  'mongodb://u:${env:PW}@h3/',
  // Refused: nothing of it may ever be shown.
  `mongodb://u:${CANARY}@h/`,
  `mongodb://h/?tlsCertificateKeyFilePassword=${CANARY}`,
);

const stream = fc
  .record({
    id: name,
    enabled: fc.boolean(),
    source: fc
      .tuple(
        fc.record({ type: fc.constant('mongodb'), connection_string: connection }),
        optional({
          database: name,
          collections: fc.array(pattern, { minLength: 1, maxLength: 3 }),
          exclude: fc.array(pattern, { maxLength: 2 }),
          auth_id: fc.constantFrom('u', 'w'),
          options: optional({ updates: fc.constantFrom('delta', 'row'), max_await: time }),
        }),
      )
      .map(([required, rest]) => ({ ...required, ...rest })),
    destination: fc
      .tuple(
        fc.record({ type: fc.constant('mongodb'), connection_string: connection }),
        optional({
          database: name,
          auth_id: fc.constantFrom('u', 'w'),
          namespaces: fc.dictionary(
            fc.tuple(name, name).map((parts) => parts.join('.')),
            fc.tuple(name, name).map((parts) => parts.join('.')),
            { maxKeys: 2 },
          ),
          options: optional({ lanes: fc.integer({ min: 1, max: 64 }), indexes: fc.boolean() }),
        }),
      )
      .map(([required, rest]) => ({ ...required, ...rest })),
  })
  .chain((required) =>
    optional({
      name: fc.string({ minLength: 1 }),
      batch_size: fc.integer({ min: 1, max: 10_000 }),
      retry_policy: optional({
        initial_delay: time,
        max_delay: time,
        backoff_multiplier: fc.double({ min: 1, max: 9 }),
      }),
      snapshot: optional({
        mode: fc.constantFrom('initial', 'never', 'only'),
        on_existing: fc.constantFrom('refuse', 'merge'),
      }),
    }).map((rest) => ({ ...required, ...rest })),
  );

const login = (id: string) => ({
  id,
  type: 'username_password',
  config: { username: 'bob', password: id === 'u' ? '${env:PW}' : '${file:/run/p}' },
});
const configs = fc.array(stream, { maxLength: 3 }).map((streams) => ({
  version: '1',
  authentication: [login('w'), login('u')],
  streams,
}));

const load = (value: unknown): Config | ConfigError => {
  try {
    return parseConfig(JSON.stringify(value));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
};

it('loads or explains; what loads survives the way into a workflow unchanged; nothing shows a secret', () => {
  let loaded = 0;
  fc.assert(
    fc.property(configs, (value) => {
      const config = load(value);
      expect(`${inspect(config, { depth: 9 })} ${JSON.stringify(config)}`).not.toContain(CANARY);
      if (config instanceof ConfigError) {
        for (const { path, line, remedy } of config.problems) expect([path, line, remedy].every(Boolean)).toBe(true);
        return;
      }
      loaded += 1;
      expect(parseConfig(JSON.stringify(config))).toEqual(config);
      for (const { id } of config.streams) {
        const spec = toSpec(config, id);
        const parsed = parseSpec(JSON.parse(JSON.stringify(spec)));
        expect(parsed).toEqual(spec);
        expect(parseSpec(parsed)).toEqual(parsed);
        expect(diffSpec(spec, parsed)).toEqual([]);
      }
    }),
    { numRuns: 400 },
  );
  expect(loaded).toBeGreaterThan(40);
});

it('never fails in another way, whatever it reads', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string(), fc.stringMatching(/^[-a-z:{}[\] \n&*?!|>"']{0,40}$/u)), (text) => {
      try {
        parseConfig(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }),
  );
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(() => parseSpec(value)).toThrow(ConfigError);
    }),
  );
  expect(() => loadConfig('/')).toThrow(ConfigError);
});

describe('patterns', () => {
  const text = fc.stringMatching(/^[ab.]{0,5}$/u);
  const glob = fc.stringMatching(/^[ab*?.]{0,5}$/u);
  const words = (length: number): string[] =>
    length === 0 ? [''] : words(length - 1).flatMap((word) => [word, `${word}a`, `${word}b`, `${word}.`]);
  const all = [...new Set(words(5))];

  it('overlap exactly where some text matches both', () => {
    fc.assert(
      fc.property(glob, glob, (a, b) => {
        const both = all.some((word) => compileName(a).matches(word) && compileName(b).matches(word));
        // Texts of up to five characters show every overlap of short patterns, but for very long mixtures.
        if (both) expect(overlap(a, b)).toBe(true);
        if (overlap(a, b) && a.length + b.length <= 5) expect(both).toBe(true);
        if (covers(a, b))
          expect(all.every((word) => !compileName(b).matches(word) || compileName(a).matches(word))).toBe(true);
        expect(overlap(a, b)).toBe(overlap(b, a));
      }),
    );
  });

  it('select as their own source does inside a server', () => {
    fc.assert(
      fc.property(glob, text, (a, word) => {
        expect(new RegExp(compileName(a).source, 'u').test(word)).toBe(compileName(a).matches(word));
      }),
    );
  });

  it('rename one to one where wildcards are repeated, and select what they name', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const target = compileRenames({ namespaces: { 'shop.*': 'x.*_eu' } });
        expect(target(`shop.${a}`) === target(`shop.${b}`)).toBe(a === b);
        expect(compileSelection({ database: 'shop', collections: ['*'], exclude: [] }).matches(`shop.c${a}`)).toBe(
          true,
        );
      }),
    );
  });
});
