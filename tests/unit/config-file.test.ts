import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load';
import { ConfigError, type Problem } from '../../src/config/checks/problem';

const directory = mkdtempSync(join(tmpdir(), 'tributary-file-'));
afterAll(() => rmSync(directory, { recursive: true }));

function problems(content: string | Buffer): readonly Problem[] {
  const path = join(directory, 'streams.yaml');
  writeFileSync(path, content);
  try {
    loadConfig(path);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const told = (content: string | Buffer): string[] =>
  problems(content).map(({ path, line, column, message, remedy }) => `${line}:${column} ${path}|${message}|${remedy}`);

const GOOD = `version: "1"
streams:
  - id: s
    source: { type: mongodb, connection_string: "\${env:A}", database: shop }
    destination: { type: mongodb, connection_string: "\${env:B}" }
`;
const nested = (levels: number): string => `version: "1"\nservice: ${'['.repeat(levels)}${']'.repeat(levels)}\n`;

describe('a file that cannot be read as YAML', () => {
  it.each<[string, string | Buffer, RegExp]>([
    [
      'UTF-16 with a mark',
      Buffer.from(`\uFEFF${GOOD}`, 'utf16le'),
      /^1:1 \|is encoded as UTF-16 \(little-endian\).*iconv/u,
    ],
    ['UTF-16 without one', Buffer.from(GOOD, 'utf16le'), /^1:1 \|is encoded as UTF-16 \(little-endian\)/u],
    [
      'UTF-16, the other way round',
      Buffer.from(GOOD, 'utf16le').swap16(),
      /^1:1 \|is encoded as UTF-16 \(big-endian\)/u,
    ],
    [
      'a binary file',
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]),
      /^1:5 \|holds a control character: it is a binary/u,
    ],
    ['a NUL in a text', 'version: "1"\nname: a\0b\n', /^2:8 \|holds a control character/u],
    [
      'Latin-1',
      Buffer.from('version: "1"\nname: caf\xe9\n', 'latin1'),
      /^2:10 \|holds a byte that is no UTF-8.*save it as UTF-8/u,
    ],
    ['a character cut short', Buffer.from('name: é').subarray(0, 7), /^1:7 \|holds a byte that is no UTF-8/u],
    [
      'a tab as indentation',
      'version: "1"\nstreams:\n\t- id: s\n',
      /^3:1 \|is indented with a tab\|indent with spaces/u,
    ],
    [
      'a key that stands twice',
      `${GOOD}streams: []\n`,
      /^6:1 streams\|is a key that stands here already, in line 2\|remove one/u,
    ],
    ['a second document', `${GOOD}---\n${GOOD}`, /^6:1 \|begins a second document.*"---"/u],
    [
      'an anchor that is not there',
      'version: "1"\nservice: *common\n',
      /^2:10 \|.*begins with \*, which repeats an anchor/u,
    ],
    ['an anchor that comes later', 'a: *x\nb: &x 1\n', /^1:4 \|.*no such anchor before it/u],
    ['a merge of nothing', 'version: "1"\n<<: *x\n', /^2:5 \|.*no such anchor before it/u],
    ['an unknown tag', 'version: !v "1"\n', /^1:10 \|holds a tag/u],
    ['a key that is a list', '? [a]\n: 1\n', /^1:3 \|holds a key that is no text/u],
    ['a line of directives', '%YAML 1.3\n---\nversion: "1"\n', /^1:\d+ \|holds a line that begins with %/u],
    [
      'a bracket that is never closed',
      'a: [1,\n  {x: 1},\n  2\nb: 1\n',
      /^4:1 \|the \[ that is opened in line 1 is not closed with \] before here\|write \] where it ends/u,
    ],
    [
      'a brace that is never closed',
      '{"a": {\n "b": 1\n',
      /^3:1 \|the \{ that is opened in line 1 is not closed with \}/u,
    ],
    ['a bracket of the other kind', 'a: {x: 1]\n', /^1:9 \|the \{ that is opened in line 1 is not closed with \}/u],
    ['a bracket too many', '{a: 1}}\n', /^1:7 \|closes a bracket that is not open\|remove the bracket/u],
    ['a comma too many', 'a: [1,,2]\n', /^1:7 \|holds a comma with nothing before it\|/u],
    ['a comma that is missing', '{"a": 1 "b": 2}', /^1:7 \|holds entries within brackets that no comma parts\|/u],
    ['a quote that is not closed', 'a: "x\nb: 1\n', /\|holds a " that is not closed\|/u],
    ['a single quote that is not closed', "a: 'x\nb: 1", /\|holds a ' that is not closed\|/u],
    ['a quote within quotes', "a: 'it's'\n", /^1:8 \|holds text behind a value that has ended\|/u],
    ['a backslash in double quotes', 'a: "\\q"\n', /\|holds a backslash in double quotes.*use single quotes/u],
    ['two colons', 'a: b: c\n', /\|holds a second ": " in one line\|put the text in quotes/u],
    ['an odd indentation', 'a:\n  b: 1\n c: 2\n', /\|is indented otherwise than the lines of its level\|/u],
    [
      'an odd indentation in a list',
      's:\n  - id: s\n    x: 1\n   y: 2\n',
      /\|has a line in a list that does not begin with "- "\|/u,
    ],
    ['a key without a value', 'a: 1\nb\nc: 2\n', /^2:1 \|holds a key without ":" and a value\|/u],
    ['a list behind a key', 'a: - b\n', /^1:4 \|holds a "- " behind a key/u],
    ['a list between keys', 'a: 1\n- b\n', /^2:1 \|holds a line that is neither "key: value"/u],
    ['a bar in a text', 'a: |x\n  foo\n', /\|holds a text that begins with \| or >\|/u],
    ['two anchors', 'a: &x &y 1\n', /\|holds two anchors/u],
    ['two tags', 'a: !!str !!int 1\n', /\|holds two tags/u],
    ['an anchor without a name', 'a: & x\n', /\|holds an & or \* without a name/u],
    ['a long key', `${'x'.repeat(1_100)}: 1\n`, /\|holds a key of more than 1,024 characters\|/u],
    ['a value that begins with @', 'version: "1"\nstreams: @x\n', /^2:10 \|.*put the text in quotes/u],
  ])('is told in a sentence of its own, with its place: %s', (_name, content, expected) => {
    expect(told(content)[0]).toMatch(expected);
  });

  it.each(['- a\nb: 1\n', 'a: - b\n', 'a: 1\n- b\n'])('is told once where the parser stumbles on: %j', (content) => {
    expect(told(content)).toHaveLength(1);
  });

  it('never shows what the file holds, nor the words of the parser', () => {
    const contents = [
      'a: [hunter2\nb: 1\n',
      'a: |hunter2\n x\n',
      '"hunter2" x: 1\n',
      'a: "\\hunter2"\n',
      'a: }hunter2\n',
    ];
    for (const content of contents)
      expect(told(content).join('\n')).not.toMatch(/hunter2|[Ff]low|[Bb]lock|[Ss]calar|[Ii]mplicit|token/u);
  });

  it.each([101, 800, 5_000, 30_000])('is nested too deep: %i levels', (levels) => {
    const [only, ...others] = told(nested(levels));
    expect(only).toMatch(/^2:\d+ \|is nested more than 100 levels deep\|.*bracket or an indentation/u);
    expect(others).toEqual([]);
  });

  it('is nested too deep by indentation', () => {
    const lines = Array.from({ length: 3_000 }, (_, level) => `${' '.repeat(level)}a:`);
    expect(told(lines.join('\n'))).toEqual([expect.stringMatching(/is nested more than 100 levels deep/u)]);
  });

  it('never shows an alias, which may be a password without its quotes', () => {
    expect(JSON.stringify(problems('version: "1"\nservice: *hunter2\n'))).not.toContain('hunter2');
  });
});

describe('a value that does not fit', () => {
  const stream = (line: string): string => `${GOOD}    ${line}\n`;
  it.each<[string, string, string]>([
    [
      'not a number',
      stream('batch_size: .nan'),
      'expected a number, found .nan|write a number from 1 to 10000, or leave the key out',
    ],
    [
      'no finite number',
      stream('retry_policy: { backoff_multiplier: .inf }'),
      'expected a number, found .inf|write a number 1 or more',
    ],
    [
      'a fraction',
      stream('batch_size: 1.5'),
      'expected a whole number, found a fraction|write a whole number from 1 to 10000',
    ],
    [
      'a long id',
      GOOD.replace('id: s', `id: ${'a'.repeat(140)}`),
      'has 140 characters, and 100 are allowed|shorten it',
    ],
    [
      'an odd id',
      GOOD.replace('id: s', 'id: a b'),
      'or does not begin with a letter or digit|write a short name such as "orders-eu"',
    ],
    [
      'an odd duration',
      stream('advanced: { slice: soon }'),
      'is no duration|write a number and ms, s, m, h or d, such as "10m"',
    ],
    [
      'an odd time zone',
      stream('limits: { time_zone: Mars }'),
      'is no time zone that is known|write its name, such as "Europe/Zurich"',
    ],
    [
      'a level that is none',
      'version: "1"\nservice: { log_level: verbose }\n',
      'expected one of "trace", "debug", "info", "warn", "error"|choose one of these',
    ],
    ['a level that is nearly one', 'version: "1"\nservice: { log_level: Warning }\n', '|did you mean "warn"?'],
    [
      'a kind that is none',
      GOOD.replace('type: mongodb', 'type: postgresql'),
      'expected "mongodb"|"mongodb" is the only value that is known',
    ],
    [
      'a kind that is nearly one',
      GOOD.replace('type: mongodb', 'type: mongo'),
      'expected "mongodb"|did you mean "mongodb"?',
    ],
    [
      'a key of two places',
      'version: "1"\nauth_id: x\n',
      'the key "auth_id" is not known here|it belongs to streams[].source, or to streams[].destination',
    ],
    [
      'a short key that is near to none',
      'version: "1"\nid2s: x\n',
      'the key "id2s" is not known here|known here: $schema, version',
    ],
  ])('is told with what fits: %s', (_name, content, expected) => {
    expect(told(content).join('\n')).toContain(expected);
  });

  it.each([
    '/^orders/',
    '^orders',
    'orders$',
    'orders.+',
    'orders\\d+',
    '(orders|carts)',
    '[a-z]+',
    'orders|carts',
    '/orders.*/i',
  ])('is a regular expression, where patterns are wanted: %s', (pattern) => {
    const written = (key: string): string =>
      GOOD.replace('database: shop', `database: shop, ${key}: [${JSON.stringify(pattern)}]`);
    for (const key of ['collections', 'exclude'])
      expect(told(written(key)).join('\n')).toContain(
        `streams[0].source.${key}[0]|is a regular expression|patterns know * (any text) and ? (one character)`,
      );
  });

  it.each(['orders.*', 'fs.*', 'a+b', 'sales (2020)', 'data[1]', 'x.y*', '*-eu', '?odd?', 'a$b', 'a^b'])(
    'is a pattern like any other: %s',
    (pattern) => {
      expect(told(GOOD.replace('database: shop', `database: shop, collections: [${JSON.stringify(pattern)}]`))).toEqual(
        [],
      );
    },
  );
});

describe('a schedule', () => {
  const scheduled = (text: string): string =>
    told(`${GOOD}    verification: { schedule: ${JSON.stringify(text)} }\n`).join('\n');
  it.each<[string, string]>([
    ['99 * * * *', 'the minute of the cron line is out of range, or not to be read|write 0 to 59'],
    ['0 24 * * *', 'the hour of the cron line'],
    ['0 3 0 * *', 'the day of the month of the cron line'],
    ['0 3 * 13 *', 'the month of the cron line'],
    ['0 3 * * 8', 'the day of the week of the cron line'],
    ['0 3 * * FRI-MON', 'the day of the week of the cron line'],
    ['0 3 * septembre *', 'the month of the cron line'],
    ['*/0 * * * *', 'the minute of the cron line'],
    // A Temporal server knows none of these.
    ['0 3 L * *', 'the day of the month of the cron line'],
    ['0 3 * * MON#1', 'the day of the week of the cron line'],
    ['0 3 ? * *', 'the day of the month of the cron line'],
    ['0 0 3 * * *', 'is neither an interval nor a cron line of five fields|'],
    ['daily', 'is neither an interval nor a cron line of five fields|'],
    ['10s', 'is shorter than a minute|'],
    ['CRON_TZ=Mars/Olympus 0 3 * * *', 'names a time zone that is not known|'],
    ['0 3 30 2 *', 'names a date that never comes|'],
  ])('is told what is wrong with it: %s', (text, expected) => {
    expect(scheduled(text)).toContain(`streams[0].verification.schedule|${expected}`);
  });

  it.each([
    '24h',
    '@daily',
    '0 3 * * *',
    '5/15 * * * *',
    '0 3 1,15 * Mon-Friday',
    '30 2 29 feb *',
    'CRON_TZ=Europe/Zurich 15 3 * * 7',
  ])('is taken as it is: %s', (text) => expect(scheduled(text)).toBe(''));
});
