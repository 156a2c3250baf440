import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, parseConfig } from '../../src/config/load';
import { ConfigError, type Problem } from '../../src/config/checks/problem';
import { parseSpec, toSpec } from '../../src/config/spec';
import { isReplicationError } from '../../src/core/model/errors';

const problemsOf = (action: () => unknown): readonly Problem[] => {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};
const problemsIn = (text: string): readonly Problem[] => problemsOf(() => parseConfig(text));
const brief = (text: string): string[] => problemsIn(text).map(({ path, message }) => `${path} ${message}`);

const A = '"${env:A}"';
const B = '"${env:B}"';
interface Draft {
  readonly id?: string;
  readonly from?: string;
  readonly to?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly rest?: string;
}
const stream = ({ id = 's', from = A, to = B, source = 'database: shop', destination = '', rest = '' }: Draft = {}) =>
  `  - { id: ${id}, source: { type: mongodb, connection_string: ${from}, ${source} }, ` +
  `destination: { type: mongodb, connection_string: ${to}, ${destination} }, ${rest} }\n`;
const file = (...drafts: Draft[]): string => `version: "1"\nstreams:\n${drafts.map(stream).join('')}`;

describe('what loads', () => {
  it('is defaulted in full', () => {
    const config = parseConfig(file({}));
    expect(config.service).toMatchObject({ metrics_port: 9090, health_port: 8080, graceful_shutdown_timeout: '30s' });
    expect(config.streams[0]).toMatchObject({
      enabled: true,
      batch_size: 1000,
      retry_policy: { max_attempts: 0, initial_delay: '1s', max_delay: '30s', backoff_multiplier: 2 },
      snapshot: { mode: 'initial', copy_parallelism: 4, on_existing: 'refuse' },
      destination: { namespaces: {}, options: { lanes: 4, ledger_database: 'tributary' } },
    });
  });

  it('may be JSON, begin with a byte order mark and use anchors', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tributary-config-'));
    const path = join(directory, 'config.json');
    writeFileSync(path, `\uFEFF${JSON.stringify({ version: '1', streams: [] }, null, '\t')}`);
    expect(loadConfig(path).version).toBe('1');
    rmSync(directory, { recursive: true });
    expect(parseConfig('version: "1"\nservice: &a { log_level: debug }\n').service.log_level).toBe('debug');
  });

  it.each<[string, Draft[]]>([
    ['a copy beside the original', [{ to: A, destination: 'database: copy' }]],
    [
      'a rename beside the original',
      [{ to: A, source: 'database: shop, collections: [a]', destination: 'namespaces: { shop.a: shop.b }' }],
    ],
    [
      'a whole deployment into an excluded database',
      [{ to: A, source: 'exclude: ["copy.*"]', destination: 'namespaces: { "*.*": "copy.*_*" }' }],
    ],
    [
      'two directions over different collections',
      [
        { id: 'x', source: 'database: shop, collections: [a]' },
        { id: 'y', from: B, to: A, source: 'database: shop, collections: [b]' },
      ],
    ],
    ['two directions of which one is disabled', [{ id: 'x' }, { id: 'y', from: B, to: A, rest: 'enabled: false' }]],
    ['a chain', [{ id: 'x' }, { id: 'y', from: B, to: '"${env:C}"' }]],
    ['dots and dashes', [{ source: 'database: shop-eu, collections: ["a.b", "*.c-d"]' }]],
    ['a password by reference', [{ from: '"mongodb://bob:${env:PW}@h/?tlsCertificateKeyFilePassword=${file:/k}"' }]],
  ])('%s', (_name, drafts) => {
    expect(problemsIn(file(...drafts))).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each<[string, Draft[], string]>([
    ['the same place', [{ to: A }], 'streams[0].destination is followed by the source'],
    [
      'the same place, named otherwise',
      [{ from: '"mongodb://B.x,a.x:27017/?w=1"', to: '"mongodb://a.x,b.x"' }],
      'is followed by the source',
    ],
    [
      'a target inside what is followed',
      [{ to: A, source: '', destination: 'namespaces: { "*.*": "copy.*_*" }' }],
      'is followed by the source',
    ],
    [
      'an own ledger inside what is followed',
      [
        {
          to: A,
          source: 'collections: ["book.*", shop.a]',
          destination: 'namespaces: { "*.*": "copy.*_*" }, options: { ledger_database: book }',
        },
      ],
      'ledger_database is followed by the stream "s"',
    ],
    [
      'dead letters inside what is followed',
      [{ destination: 'database: copy', rest: 'error_handling: { dead_letter_destination: shop.refused }' }],
      'dead_letter_destination is followed by the stream "s"',
    ],
    [
      'dead letters among rows',
      [{ destination: 'database: copy', rest: 'error_handling: { dead_letter_destination: copy.refused }' }],
      'dead_letter_destination is where rows may be written to',
    ],
    [
      'dead letters in the ledger itself',
      [{ rest: 'error_handling: { dead_letter_destination: tributary.ledger }' }],
      'dead_letter_destination is a collection of the ledger',
    ],
    [
      'tries that no leg has time for',
      [{ rest: 'error_handling: { on_error: retry, max_retries: 100, retry_delay: 10s }' }],
      'max_retries takes longer than half of advanced.slice',
    ],
    ['a cycle', [{ id: 'x' }, { id: 'y', from: B, to: A }], 'for ever: x → y → x'],
    [
      'a long cycle',
      [{ id: 'x' }, { id: 'y', from: B, to: '"${env:C}"' }, { id: 'z', from: '"${env:C}"', to: A }],
      'x → y → z → x',
    ],
    ['equal ids', [{ id: 'x' }, { id: 'x', source: 'database: b' }], 'streams[1].id is the id of streams[0] already'],
    ['an unknown login', [{ source: 'auth_id: unknown' }], 'streams[0].source.auth_id names no entry'],
    [
      'two renames onto one target',
      [{ destination: 'namespaces: { shop.a: x.y, shop.b: x.y }' }],
      'streams[0].destination.namespaces["shop.b"] goes to the same target as "shop.a"',
    ],
    [
      'a rename onto a collection that keeps its name',
      [{ destination: 'namespaces: { shop.a: shop.b }' }],
      'goes to where "shop.b" of the source goes already',
    ],
    ['other wildcards', [{ destination: 'namespaces: { "shop.*": x.y }' }], 'has other wildcards than its target'],
    ['a rename of nothing', [{ destination: 'namespaces: { crm.a: x.y }' }], 'renames what the stream does not follow'],
    ['a rename without a database', [{ destination: 'namespaces: { a: x.y }' }], 'namespaces.a names no database'],
    [
      'a target without a database',
      [{ destination: 'namespaces: { shop.a: y }' }],
      'goes to a name without a database',
    ],
    ['a target in the ledger', [{ destination: 'namespaces: { shop.a: tributary.y }' }], 'is not for rows'],
    [
      'rows in the ledger database',
      [{ destination: 'database: tributary' }],
      'ledger_database is a database that rows are written to',
    ],
    [
      'databases put together',
      [{ source: '', destination: 'database: all' }],
      'would put collections of several databases together',
    ],
    [
      'a pattern without a database',
      [{ source: 'collections: [orders]' }],
      'streams[0].source.collections[0] names no database',
    ],
    ['a system pattern', [{ source: 'database: shop, collections: [system.views]' }], 'is never followed'],
    [
      'nothing left',
      [{ source: 'database: shop, collections: [a1], exclude: ["a*"]' }],
      'collections[0] leaves nothing to follow',
    ],
    ['a server database', [{ source: 'database: admin' }], 'source.database belongs to the server'],
    ['a pattern as database', [{ source: 'database: "s*"' }], 'source.database is a pattern'],
    ['an odd database', [{ source: 'database: "a.b"' }], 'is no database name'],
    ['another scheme', [{ from: 'postgres://h' }], 'is no connection string'],
    ['a reference elsewhere', [{ source: 'database: "${env:DB}"' }], 'source.database cannot be a reference'],
    ['a reference without a kind', [{ from: '"${SOURCE_URI}"' }], 'that is no reference'],
    ['delays upside down', [{ rest: 'retry_policy: { initial_delay: 1m }' }], 'initial_delay is longer than max_delay'],
    ['no time at all', [{ rest: 'advanced: { slice: 0s }' }], 'slice is no time at all'],
    ['waiting longer than the watchdog', [{ source: 'options: { max_await: 2m }' }], 'max_await is not shorter'],
    [
      'a setting without effect',
      [{ rest: 'snapshot: { mode: never, on_existing: merge }' }],
      'has no effect with snapshot.mode: never',
    ],
  ])('%s', (_name, drafts, expected) => {
    expect(brief(file(...drafts)).join('\n')).toContain(expected);
  });

  it('is reported all at once, with path, line and remedy', () => {
    const text = `version: 1
servise: {}
authentication:
  - { id: u, type: username_password, config: { username: bob } }
streams:
  - id: orders
    source:
      type: mongodb
      conection_string: x
      batch_size: 3
    destination: { type: mongo, connection_string: "\${env:B}" }
    snapshot: { mode: initail, copyParallelism: 2 }
    batch_size: 0
    retry_policy: { initial_delay: 3 }
`;
    expect(problemsIn(text).map(({ path, line, message, remedy }) => [line, path, message, remedy])).toEqual([
      [1, 'version', 'expected "1"', 'put it in quotes: "1"'],
      [2, 'servise', 'the key "servise" is not known here', 'did you mean "service"?'],
      [
        4,
        'authentication[0].config.password',
        'is required and missing',
        'add "password" (a reference: ${env:NAME} or ${file:/path})',
      ],
      [
        7,
        'streams[0].source.connection_string',
        'is required and missing',
        expect.stringContaining('add "connection_string"'),
      ],
      [
        9,
        'streams[0].source.conection_string',
        'the key "conection_string" is not known here',
        'did you mean "connection_string"?',
      ],
      [10, 'streams[0].source.batch_size', 'the key "batch_size" is not known here', 'it belongs to streams[]'],
      [11, 'streams[0].destination.type', 'expected "mongodb"', 'did you mean "mongodb"?'],
      [12, 'streams[0].snapshot.mode', 'expected one of "initial", "never", "only"', 'did you mean "initial"?'],
      [
        12,
        'streams[0].snapshot.copyParallelism',
        'the key "copyParallelism" is not known here',
        'did you mean "copy_parallelism"?',
      ],
      [13, 'streams[0].batch_size', 'is out of range', 'write a number from 1 to 10000'],
      [14, 'streams[0].retry_policy.initial_delay', 'expected a text, found a number', 'write a text such as "1s"'],
    ]);
  });

  it('is a problem of the syntax: a key that stands twice, with its path', () => {
    const [problem] = problemsIn('version: "1"\nstreams:\n  - id: a\n    source: { type: mongodb }\n    id: b\n');
    expect(problem).toMatchObject({
      path: 'streams[0].id',
      line: 5,
      column: 5,
      message: 'is a key that stands here already, in line 3',
    });
  });

  it.each([
    '',
    '[]',
    'null',
    'streams: [',
    'a: &a [*a]',
    '? [a]\n: 1',
    'version: "1"\n---\nversion: "1"',
    '{"version": "1",}}',
  ])('is no configuration at all: %j', (text) => expect(problemsIn(text).length).toBeGreaterThan(0));

  it('is an alias bomb', () => {
    const lines = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1}, `.repeat(9)}]`);
    expect(problemsIn(lines.join('\n'))[0]?.message).toContain('aliases');
  });

  it('is a file that is not there', () => {
    expect(problemsOf(() => loadConfig('/nowhere/tributary.yaml'))[0]?.message).toBe('does not exist');
  });

  it('needs attention of a person when a worker meets it', () => {
    const check = (): unknown => parseSpec({ stream: { id: 'a b' } });
    expect(problemsOf(check).map(({ path }) => path)).toEqual(['stream.id', 'stream.source', 'stream.destination']);
    try {
      check();
    } catch (error) {
      expect(isReplicationError(error, 'config_invalid') && error.kind).toBe('needs_attention');
    }
    expect(problemsOf(() => toSpec(parseConfig('version: "1"'), 'x'))[0]?.message).toBe('there is no stream "x"');
  });
});
