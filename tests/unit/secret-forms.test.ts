import { inspect } from 'node:util';
import fc from 'fast-check';
import { diffSpec } from '../../src/config/diff';
import { parseConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/checks/problem';
import { isSecretName } from '../../src/config/secret';
import { parseSpec } from '../../src/config/spec';
import type { StreamSpec } from '../../src/config/schema';
import { connectionOf } from '../../src/connectors/connections';
import { ReplicationError } from '../../src/core/model/errors';
import { explain } from '../../src/cli/explain';
import { toFailure } from '../../src/activities/failure';
import { createLogger, logTo } from '../../src/telemetry/log';
import { scrub, scrubLine } from '../../src/telemetry/scrub';
import { reasonFor } from '../../src/worker/failure';
import { named, settings, texts } from '../support/secret-forms';
import { strictJson } from '../support/strict-json';

const CANARY = 'c4n4ry';

const document = (type: string, source: object) => ({
  version: '1',
  streams: [
    {
      id: 'orders',
      source: { type, connection_string: '${env:A}', database: 'shop', ...source },
      destination: { type: 'mongodb', connection_string: '${env:B}' },
    },
  ],
});

const refused = (value: unknown): ConfigError => {
  try {
    parseConfig(JSON.stringify(value, null, 1));
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('it was taken');
};

const shown = (error: ConfigError): string =>
  `${inspect(error, { depth: 9 })} ${JSON.stringify(error.problems)} ${error.message}`;

describe.each(['mongodb', 'postgresql', 'mysql', 'kafka', 'elasticsearch', 'cosmosdb'])(
  'a source of type %s',
  (type) => {
    it.each(settings(CANARY))('may not hold %s', (connection_string) => {
      const error = refused(document(type, { connection_string }));
      expect(error.problems).toContainEqual(
        expect.objectContaining({
          path: 'streams[0].source.connection_string',
          line: 8,
          remedy: expect.stringContaining('write connection_string: "${env:ORDERS_SOURCE_URI}"') as string,
        }),
      );
      expect(shown(error)).not.toMatch(/c4n4ry|db1|app:/u);
    });

    it.each(named(CANARY))('may not hold plain text in %s', (path, source) => {
      const error = refused(document(type, source));
      const remedy = /"\$\{env:ORDERS_SOURCE_\w+\}".*"\$\{file:\/run\/secrets\/NAME\}"/u;
      expect(error.problems).toContainEqual(
        expect.objectContaining({
          path: `streams[0].source.${path}`,
          line: expect.any(Number) as number,
          remedy: expect.stringMatching(remedy) as string,
        }),
      );
      expect(shown(error)).not.toContain(CANARY);
    });

    it('is told by its type alone that it is not known, where all secrets are references', () => {
      const sasl = { mechanism: 'plain', username: 'app', password: '${env:PW}' };
      const options = { sasl, 'sasl.jaas.config': '${file:/run/jaas}', apiKey: '${env:K}', password_file: '/run/p' };
      if (type === 'mongodb') return;
      const { problems } = refused(document(type, { connection_string: '${env:URI}', options }));
      expect(problems.map(({ path, message }) => [path, message])).toEqual([
        ['streams[0].source.type', 'expected "mongodb"'],
      ]);
    });
  },
);

it('names of collections are no names of settings, and a number may be a secret', () => {
  const renames = { 'shop.tokens': 'archive.passwords', 'shop.secret': 'archive.secret' };
  const value = document('mongodb', { collections: ['tokens', 'secret', 'passwords'] });
  Object.assign(value.streams[0]?.destination ?? {}, { namespaces: renames });
  expect(parseConfig(JSON.stringify(value)).streams).toHaveLength(1);
  expect(refused(document('mysql', { options: { password: 48151623 } })).problems).toContainEqual(
    expect.objectContaining({ path: 'streams[0].source.options.password', message: 'is a secret in plain text' }),
  );
});

it('a remedy that repeats a key of the file hides what it holds', () => {
  const value = document('mongodb', {});
  Object.assign(value.streams[0]?.destination ?? {}, { namespaces: { 'postgres://app:c4n4ry@h': 'x.y' } });
  const error = refused(value);
  expect(error.problems.map(({ remedy }) => remedy).join()).toContain('postgres://…');
  expect(shown(error)).not.toContain(CANARY);
});

it.each([
  'password',
  'sasl.password',
  'SASL_PASSWORD',
  'AccountKey',
  'SharedAccessKey',
  'apiKey',
  'clientSecret',
  'pwd',
])('%s names a secret', (name) => expect(isSecretName(name)).toBe(true));
it.each(['password_file', 'SharedAccessKeyName', 'accessKeyId', 'username', 'key', 'database', 'certificate_key_file'])(
  '%s names none',
  (name) => expect(isSecretName(name)).toBe(false),
);

describe('a setting that no connector knows', () => {
  it.each([
    ['postgres://u:p@h:5432/db?x=1', 'postgres://…'],
    ['POSTGRES://h/', 'postgres://…'],
    ['host=h password=p', '…'],
    ['jdbc:postgresql://h/db', '…'],
    ['${env:URI}', '${env:URI}'],
  ])('%s is a secret as a whole: %s', (setting, expected) => {
    const connection = connectionOf(setting);
    expect(connection.redact(setting)).toBe(expected);
    expect(connection.secrets(setting)).toEqual(setting.startsWith('$') ? [] : ['all of it']);
    expect(connection.parse(setting)).toHaveProperty('fault');
  });
});

it('the known one tells its servers and whether it logs in, also with references', () => {
  const setting = 'mongodb://app:${env:PW}@${env:H}:27018,db2/?replicaSet=rs0';
  expect(connectionOf(setting).parse(setting)).toEqual({
    value: { endpoints: ['${env:H}:27018', 'db2'], hasLogin: true },
  });
});

describe.each(texts(CANARY))('%s', (text) => {
  const contexts = [text, `failed: ${text}, again`, `cannot read "${text}" (code 7)`, `a\n${text}\nb`, `'${text}'`];

  it('is shown by no text', () => {
    for (const context of contexts) expect(scrub(context)).not.toContain(CANARY);
    expect(scrub(scrub(text))).toBe(scrub(text));
  });

  it('is in no line of the log, wherever it stands', async () => {
    for (const format of ['json', 'text'] as const) {
      const lines: string[] = [];
      const destination = { write: (line: string) => void lines.push(line) };
      const logger = await createLogger({ level: 'debug', format, destination });
      const error = new Error(text, { cause: new AggregateError([new Error(`x ${text}`)], text) });
      for (const context of contexts)
        logTo(logger)('error', 'x', { context, deep: { list: [[{ context }]] }, error, [context]: 1 });
      logger.child({ bound: 'https://app:c4n4ry@h' }).info(text.includes('://') ? 'https://app:c4n4ry@h' : 'x');
      expect(lines.join('')).not.toContain(CANARY);
      if (format === 'json') for (const line of lines) expect(strictJson(line)).toHaveProperty('event');
    }
  });

  it('is in no failure of an activity, of the command line or of the worker', () => {
    const error = new ReplicationError('needs_attention', { code: 'x', message: `a ${text}`, remedy: `b ${text}` });
    const failure = toFailure(error, { stream: 's', interrupted: false, progress: null });
    const all = [
      failure.message,
      failure.details,
      explain(error),
      explain(new Error(text)),
      reasonFor(new Error(text)),
    ];
    expect(JSON.stringify(all)).not.toContain(CANARY);
  });

  it('is in no difference between two specs, wherever an older version took it', () => {
    const spec = parseSpec({
      stream: {
        id: 's',
        source: { type: 'mongodb', connection_string: '${env:A}', database: 'shop' },
        destination: { type: 'mongodb', connection_string: '${env:B}' },
      },
    });
    const { stream } = spec;
    const planted: StreamSpec = {
      stream: {
        ...stream,
        name: text,
        source: { ...stream.source, connection_string: text, collections: [text] },
        destination: { ...stream.destination, namespaces: { [text]: text } },
      },
      authentication: [
        {
          id: 'u',
          type: 'username_password',
          config: { username: 'app', password: text, auth_source: 'admin' },
        },
      ],
    };
    for (const changes of [diffSpec(spec, planted), diffSpec(planted, spec)]) {
      expect(changes.map(({ path }) => path)).toContain('source.connection_string');
      expect(JSON.stringify(changes)).not.toContain(CANARY);
    }
  });
});

describe('passwords of any characters', () => {
  const odd = fc.stringMatching(/^[@:/?#%&=;,"'\\ <>()[\]{}!$^*+~|`.\d-]{0,6}$/u);
  const password = fc.tuple(odd, odd, odd).map(([a, b, c]) => `${a}Zq7${b}Wv9${c}`);
  const scheme = fc.constantFrom('postgres', 'MYSQL', 'amqps', 'https', 'mongodb', 'mongodb+srv', 'Kafka');
  const around = fc.constantFrom<(text: string) => string>(
    (text) => text,
    (text) => `cannot reach ${text}: refused`,
    (text) => JSON.stringify({ uri: text }),
    (text) => `first https://example.com/ then ${text}`,
  );
  const hidden = (text: string): void => expect(scrub(text)).not.toMatch(/Zq7|Wv9/u);
  const escaped = (text: string, quote: string): string =>
    text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);

  it('are hidden in an address, encoded or not', () => {
    fc.assert(
      fc.property(scheme, password, around, (name, secret, context) => {
        hidden(context(`${name}://app:${secret}@db1:5432,db2/shop?x=1`));
        hidden(context(`${name}://app:${encodeURIComponent(secret)}@db1/shop`));
        hidden(context(`${name}://db1/shop?user=app&password=${encodeURIComponent(secret)}&x=1`));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are hidden behind their name, in quotes', () => {
    fc.assert(
      fc.property(password, around, (secret, context) => {
        hidden(context(`host=db1 password='${escaped(secret, "'")}' dbname=shop`));
        hidden(context(`required username="app" password="${escaped(secret, '"')}";`));
        hidden(JSON.stringify({ password: secret, x: 1 }));
        hidden(JSON.stringify({ text: JSON.stringify({ password: secret, x: 1 }) }));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are refused in a file', () => {
    fc.assert(
      fc.property(scheme, password, (name, secret) => {
        const error = refused(document('mongodb', { connection_string: `${name}://app:${secret}@db1/shop` }));
        // What the driver would not even read is refused too, with another remedy.
        if (!name.startsWith('mongodb'))
          expect(error.problems.map(({ remedy }) => remedy).join()).toContain('${env:ORDERS_SOURCE_URI}');
        expect(shown(error)).not.toMatch(/Zq7|Wv9/u);
      }),
      { numRuns: 300 },
    );
  });
});

it.each([
  'see https://example.com/docs?page=2#top, or mail me@example.org',
  'write mongodb://HOST:27017/, or ${env:NAME} for all of it',
  'write password: "${env:ORDERS_SOURCE_PASSWORD}" and set that variable',
  'mongodb://app@db1:27017/shop'.replace('app@', ''),
  'at run (file:///app/node_modules/@temporalio/worker/lib/worker.js:1:2)',
  'the token that was given is not known',
])('leaves alone: %s', (text) => {
  expect(scrub(text)).toBe(text);
  expect(scrubLine(text)).toBe(text);
});

it('is done with long texts at once', () => {
  const began = performance.now();
  for (const part of ['a', 'abc:', 'password="', 'x://', '://', 'token=', 'a@', '\\"secret\\":\\"'])
    scrub(part.repeat(20_000));
  expect(performance.now() - began).toBeLessThan(5_000);
});
