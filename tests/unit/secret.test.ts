import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import { MongoClient } from 'mongodb';
import { resolveCredentials, sameDeployment } from '../../src/auth/resolve';
import { parseConfig } from '../../src/config/load';
import { ConfigError } from '../../src/config/checks/problem';
import { resolveReferences } from '../../src/config/reference';
import { Secret } from '../../src/config/secret';
import { parseSpec } from '../../src/config/spec';
import { mongodbConnection } from '../../src/connectors/mongodb/connection';
import { ReplicationError } from '../../src/core/model/errors';
import { scrub } from '../../src/telemetry/scrub';

const CANARY = 'c4nary';
/** Everything that code may do with a value to show it. */
const shown = (value: unknown): string =>
  [
    JSON.stringify(value),
    inspect(value, { depth: 9, showHidden: true }),
    format('%s %o %j', value, value, value),
    value instanceof Error ? `${value.message} ${value.stack ?? ''} ${JSON.stringify(Object.entries(value))}` : '',
  ].join('\n');

const caught = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    return error;
  }
};

describe('Secret', () => {
  it('gives its value to reveal() only', () => {
    const secret = new Secret(CANARY);
    expect(secret.reveal()).toBe(CANARY);
    expect(
      `${String(secret)}${shown(secret)}${shown({ deep: [secret] })}${shown(Object.assign({}, secret))}`,
    ).not.toContain(CANARY);
    expect(JSON.stringify(structuredClone(secret))).not.toContain(CANARY);
  });
});

describe('references', () => {
  const env = { URI: `mongodb://u:${CANARY}@h/`, PW: `p@/:${CANARY}%`, EMPTY: '', HOST: 'h1,h2:27018' };

  it('resolve from the environment and from files, without the line break at the end', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tributary-secret-'));
    const path = join(directory, 'password');
    writeFileSync(path, `${CANARY} \n`);
    expect(resolveReferences(`\${file:${path}}`).reveal()).toBe(`${CANARY} `);
    rmSync(directory, { recursive: true });
    expect(resolveReferences('a-${env:EMPTY2}-${env:HOST}', { env: { ...env, EMPTY2: '$&' } }).reveal()).toBe(
      'a-$&-h1,h2:27018',
    );
  });

  it.each([
    ['${env:NOPE}', 'the environment variable is not set'],
    ['${env:EMPTY}', 'the environment variable is empty'],
    ['${file:/nowhere/x}', 'the file cannot be read (ENOENT)'],
  ])('%s: needs attention, naming the reference', (reference, reason) => {
    const error = caught(() => resolveReferences(`\${env:PW}${reference}`, { env }));
    expect(error).toBeInstanceOf(ReplicationError);
    expect(error).toMatchObject({ kind: 'needs_attention', code: 'reference_unresolved' });
    expect((error as Error).message).toContain(reference);
    expect((error as Error).message).toContain(reason);
    expect(shown(error)).not.toContain(CANARY);
  });

  it('are percent-encoded inside logins and options, and left alone elsewhere', () => {
    const resolved = mongodbConnection.resolve('mongodb://u${env:PW}:${env:PW}@${env:HOST}/?appName=${env:PW}', {
      env,
    });
    const { credentials, hosts, appName } = new MongoClient(resolved.reveal()).options;
    expect(credentials).toMatchObject({ username: `u${env.PW}`, password: env.PW });
    expect(hosts.map(String)).toEqual(['h1:27017', 'h2:27018']);
    expect(appName).toBe(env.PW);
    expect(mongodbConnection.resolve('${env:URI}', { env }).reveal()).toBe(env.URI);
  });
});

describe('inline secrets', () => {
  it.each([
    'mongodb://u:c4nary@h/',
    'mongodb://u:c4n@ry@h/',
    'mongodb://u:c4n/ry@h/',
    'mongodb://u:c4n?ry@h/',
    'mongodb://u:1/2@h',
    'mongodb://u:1?2@h:1',
    'mongodb+srv://u:c4nary${env:X}@h/',
    'mongodb://h/?tlsCertificateKeyFilePassword=c4nary',
    'mongodb://h/?TLSCERTIFICATEKEYFILEPASSWORD=c4nary',
    'mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:c4nary',
    'mongodb://h/?authMechanismProperties=A:b,AWS_SESSION_TOKEN%3Ac4nary',
    'mongodb://h/?proxyPassw%6Frd=c4nary',
  ])('%s', (uri) => {
    const wrong = {
      stream: {
        id: 's',
        source: { type: 'mongodb', connection_string: uri },
        destination: { type: 'mongodb', connection_string: '${env:B}' },
      },
    };
    const error = caught(() => parseSpec(wrong));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems[0]?.remedy).toContain('${env:S_SOURCE_URI}');
    expect(shown(error)).not.toMatch(/c4n|ry@/u);
  });

  it.each([
    'mongodb://h/',
    'mongodb://h:1,[::1]:2/db?appName=a@b',
    'mongodb://u@h/',
    'mongodb://u:@h/',
    'mongodb://u:${env:PW}@h/',
    'mongodb://u:${file:/a/b:c}${env:X}@h/',
    'mongodb://${env:HOST}:${env:PORT}/?tlsCertificateKeyFilePassword=${env:P}',
    'mongodb://h/?authMechanismProperties=SERVICE_NAME:x,AWS_SESSION_TOKEN:${env:T}',
  ])('%s holds none', (uri) => expect(mongodbConnection.secrets(uri)).toEqual([]));

  it('are refused in a login, and wherever they stand in a file that is wrong besides', () => {
    const error = caught(() =>
      parseConfig(
        `version: 1\nauthentication: [{ id: u, type: x, config: { password: ${CANARY}, "mongodb://u:${CANARY}@h": 1 } }]\n` +
          `streams: [{ id: "${CANARY} x", source: { connection_string: "mongodb://u:${CANARY}@h" }, batch_size: "${CANARY}" }]\n` +
          `service: { log_level: ${CANARY}, graceful_shutdown_timeout: ${CANARY} }\n`,
      ),
    );
    expect((error as ConfigError).problems.length).toBeGreaterThan(6);
    expect(shown(error)).not.toContain(CANARY);
  });

  it.each([
    `a: "${CANARY}" "${CANARY}"`,
    `a: *${CANARY}`,
    `a: !${CANARY} x`,
    `a: "\\q${CANARY}`,
    `a: b: ${CANARY}`,
    `a: [${CANARY}`,
    `%${CANARY}\n---\na`,
    `- x\n${CANARY}`,
  ])('are not quoted by errors of the syntax: %j', (text) => {
    const error = caught(() => parseConfig(text));
    expect(error).toBeInstanceOf(ConfigError);
    expect(shown(error)).not.toContain(CANARY);
  });
});

describe('resolveCredentials', () => {
  const spec = parseSpec({
    stream: {
      id: 's',
      source: { type: 'mongodb', connection_string: 'mongodb://h1', auth_id: 'u' },
      destination: { type: 'mongodb', connection_string: '${env:TARGET}' },
    },
    authentication: [
      {
        id: 'u',
        type: 'username_password',
        config: { username: '${env:USER_NAME}', password: '${env:PW}', tls: { ca_file: '/ca.pem' } },
      },
      { id: 'other', type: 'username_password', config: { username: 'x', password: '${env:OTHER}' } },
    ],
  });
  const env = { USER_NAME: 'bob', PW: CANARY, TARGET: `mongodb://u:${CANARY}@H1:27017/?x=1` };

  it('resolves what a side needs and nothing else, and shows no secret', () => {
    expect(spec.authentication.map(({ id }) => id)).toEqual(['u']);
    const source = resolveCredentials(spec, 'source', { env });
    expect(source.login).toMatchObject({ username: 'bob', authSource: 'admin' });
    expect(source.login?.password.reveal()).toBe(CANARY);
    expect(source.tls).toEqual({ caFile: '/ca.pem', allowInvalidCertificates: false });
    const destination = resolveCredentials(spec, 'destination', { env: { TARGET: env.TARGET } });
    expect(destination.login).toBeUndefined();
    expect(shown([source, destination, spec])).not.toContain(CANARY);
    expect(sameDeployment(source, destination)).toBe(true);
  });

  it('refuses what does not resolve to a connection string without showing it', () => {
    const error = caught(() => resolveCredentials(spec, 'destination', { env: { TARGET: `http://${CANARY}` } }));
    expect(error).toMatchObject({ kind: 'needs_attention', code: 'connection_string_invalid' });
    expect(shown(error)).not.toContain(CANARY);
  });
});

describe('scrub', () => {
  it.each([
    [`failed: mongodb://u:${CANARY}@h:1/db?w=1, again`, 'failed: mongodb://***@h:1/db?w=1, again'],
    [`mongodb+srv://u:a@b${CANARY}@h`, 'mongodb+srv://***@h'],
    [`mongodb://u:a/b'${CANARY}?x@h/`, 'mongodb://***@h/'],
    [`mongodb://h/?proxyPassword=${CANARY}&w=1`, 'mongodb://h/?proxyPassword=***&w=1'],
    [`mongodb://h/?authMechanismProperties=T:${CANARY}`, 'mongodb://h/?authMechanismProperties=***'],
    [`mongodb://u:${CANARY}@a mongodb://u:${CANARY}@b`, 'mongodb://***@a mongodb://***@b'],
    ['nothing at all', 'nothing at all'],
  ])('%s', (text, expected) => expect(scrub(text)).toBe(expected));
});

describe('the deployment', () => {
  it('ignores order, case, the usual port, logins and options', () => {
    expect(mongodbConnection.deployment('mongodb://u:${env:P}@B:27017,a/x?y=z')).toBe(
      mongodbConnection.deployment('mongodb://a,b'),
    );
    expect(mongodbConnection.deployment('${env:A}')).not.toBe(mongodbConnection.deployment('${env:B}'));
    expect(mongodbConnection.deployment('mongodb://${env:H}/')).toBe('mongodb://${env:H}');
  });
});
