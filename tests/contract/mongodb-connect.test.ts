import { writeFileSync } from 'node:fs';
import { createServer as createTlsServer, type Server } from 'node:tls';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkFile } from '../../src/cli/check/check';
import { freePort } from '../../src/servers/ports';
import type { RunningMongo } from '../../src/servers/mongodb/server';
import { Authority, contents } from '../support/certificates';
import { secondary } from '../support/secondary';
import { privateMongo, sharedMongo } from '../support/servers';

/** In logins; nowhere in what is told. */
const CANARY = 'hunter2';
const directory = mkdtempSync(join(tmpdir(), 'tributary-connect-'));
const forever = new AbortController().signal;
const hostOf = (uri: string): string => /127\.0\.0\.1:\d+/u.exec(uri)?.[0] ?? '';

/** Short waits, so that each case takes a second and not eight. */
const FAST = 'serverSelectionTimeoutMS=900&connectTimeoutMS=700';

/** What `config check --connect` tells of a source at this address, each finding in a line. */
async function checked(uri: string, side: 'source' | 'destination' = 'source'): Promise<string> {
  const file = join(directory, 'streams.yaml');
  const address = side === 'source' ? ['CONNECT_SOURCE', 'CONNECT_TARGET'] : ['CONNECT_TARGET', 'CONNECT_SOURCE'];
  writeFileSync(
    file,
    `version: "1"\nstreams:\n  - id: s\n    source: { type: mongodb, connection_string: "\${env:${address[0]}}", database: a }\n` +
      `    destination: { type: mongodb, connection_string: "\${env:${address[1]}}", database: b }\n`,
  );
  process.env['CONNECT_SOURCE'] = uri;
  process.env['CONNECT_TARGET'] = sharedMongo('destination');
  const { findings, problems } = await checkFile(file, true, forever);
  expect(problems).toEqual([]);
  expect(JSON.stringify(findings)).not.toContain(CANARY);
  // What a command line reads speaks of no stream and of no worker that would be waiting.
  for (const { remedy } of findings) expect(remedy).not.toMatch(/resume|this worker|config check/u);
  return findings
    .filter((finding) => finding.side === side)
    .map(({ code, message, remedy }) => `${code}|${message}|${remedy}`)
    .join('\n');
}

afterAll(() => rmSync(directory, { recursive: true }));

describe('`config check --connect` names host and cause', () => {
  let tls: Server;
  let tlsHost: string;
  let standalone: RunningMongo;
  let guarded: RunningMongo;

  beforeAll(async () => {
    const pem = (name: string): Buffer => readFileSync(join(__dirname, '..', 'support', 'tls', name));
    tls = createTlsServer({ cert: pem('certificate.pem'), key: pem('key.pem') }, (socket) =>
      socket.on('error', () => undefined),
    );
    tls.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    tlsHost = `127.0.0.1:${(tls.address() as AddressInfo).port}`;
    [standalone, guarded] = await Promise.all([
      privateMongo({ standalone: true }),
      privateMongo({ auth: { username: 'root', password: `${CANARY}-root` } }),
    ]);
  });

  afterAll(async () => {
    tls.close();
    await standalone[Symbol.asyncDispose]();
    await guarded[Symbol.asyncDispose]();
  });

  it('where no server listens', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    expect(await checked(`mongodb://u:${CANARY}@${host}/?${FAST}`)).toBe(
      `not_reachable|source: ${host} refuses the connection|Check that the server runs there, and that host and port are right.`,
    );
  });

  it('where the name is unknown', async () => {
    expect(await checked(`mongodb://u:${CANARY}@no-such-host.invalid/?${FAST}`)).toMatch(
      /^not_reachable\|source: no-such-host\.invalid:27017 is a name that (?:is not known|the name service does not answer for)\|/u,
    );
    expect(await checked(`mongodb+srv://u:${CANARY}@cluster.no-such-host.invalid/?${FAST}`)).toMatch(
      /^not_reachable\|source: cluster\.no-such-host\.invalid is a name that .*\(mongodb\+srv\)\|/u,
    );
  });

  it('where the replica set has another name', async () => {
    const host = hostOf(sharedMongo());
    const set = /replicaSet=(\w+)/u.exec(sharedMongo())?.[1] ?? '';
    expect(await checked(`mongodb://${host}/?replicaSet=other&${FAST}`)).toBe(
      `not_reachable|source: ${host} belongs to the replica set "${set}", and replicaSet asks for "other"|Write replicaSet=${set}, or leave it out.`,
    );
  });

  it('where the server is a single one', async () => {
    const host = hostOf(standalone.uri);
    expect(await checked(`mongodb://${host}/?replicaSet=rs0&${FAST}`)).toContain(
      `not_reachable|source: ${host} is a single server without a replica set, and replicaSet asks for "rs0"|Start it with --replSet`,
    );
    expect(await checked(`mongodb://${host}/?${FAST}`)).toMatch(/^not_a_replica_set\|the source is a single server/mu);
    expect(await checked(`mongodb://${host}/?${FAST}`, 'destination')).toMatch(
      /^not_a_replica_set\|the destination is a single server/mu,
    );
  });

  it('where TLS is asked for and not spoken, or spoken and not asked for', async () => {
    const host = hostOf(sharedMongo());
    expect(await checked(`mongodb://${host}/?tls=true&${FAST}`)).toMatch(
      new RegExp(
        `^not_reachable\\|source: ${host} answers without TLS, and the connection asks for it\\|Remove tls=true`,
        'u',
      ),
    );
    expect(await checked(`mongodb://${tlsHost}/?${FAST}`)).toMatch(
      new RegExp(
        `^not_reachable\\|source: ${tlsHost} speaks TLS, and the connection does not ask for it\\|Add tls=true`,
        'u',
      ),
    );
    expect(await checked(`mongodb://${tlsHost}/?tls=true&${FAST}`)).toMatch(
      new RegExp(
        `^not_reachable\\|source: ${tlsHost} shows a certificate that is not trusted\\|Name its certificate authority`,
        'u',
      ),
    );
  });

  it.each([
    [
      'is for another name',
      { names: 'DNS:elsewhere.example' },
      'shows a certificate for another host name|Use a name that the certificate holds, or give the server a certificate with this name.',
    ],
    [
      'has expired',
      { names: 'IP:127.0.0.1', expired: true },
      'shows a certificate that has expired|Give the server a new certificate.',
    ],
  ])('where the certificate %s', async (_what, leaf, expected) => {
    await using authority = await Authority.create();
    const other = createTlsServer(contents(authority.issue('leaf', leaf)), (socket) =>
      socket.on('error', () => undefined),
    );
    other.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const host = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      const uri = `mongodb://u:${CANARY}@${host}/?tls=true&tlsCAFile=${encodeURIComponent(authority.cert)}&${FAST}`;
      for (const side of ['source', 'destination'] as const)
        expect(await checked(uri, side)).toBe(`not_reachable|${side}: ${host} ${expected}`);
    } finally {
      other.close();
    }
  });

  it('where the one server that is named is a secondary, which takes no writes', async () => {
    await using member = await secondary(sharedMongo('destination'));
    expect(await checked(`mongodb://${member.host}/?directConnection=true&${FAST}`, 'destination')).toBe(
      `not_primary|the destination is no primary: that is ${member.host}, and takes no writes|Name all members of the replica set and leave directConnection out, so that the driver finds the primary.`,
    );
  });

  it('where the replica set has no primary', async () => {
    const set = /replicaSet=(\w+)/u.exec(sharedMongo('destination'))?.[1] ?? '';
    await using member = await secondary(sharedMongo('destination'));
    for (const side of ['source', 'destination'] as const)
      expect(await checked(`mongodb://${member.host}/?replicaSet=${set}&${FAST}`, side)).toBe(
        `not_reachable|${side}: the replica set has no primary: of its members ${member.host} answers|Nothing to do during an election; else check that a majority of the members is up, and that all of their names can be reached from here.`,
      );
  });

  it('where a certificate file is not there', async () => {
    expect(await checked(`mongodb://${tlsHost}/?tls=true&tlsCAFile=/nowhere/ca.pem&${FAST}`)).toMatch(
      /^invalid_connection\|source: a certificate file cannot be read \(ENOENT\)\|.*tlsCAFile/u,
    );
  });

  it('where the login is refused', async () => {
    for (const login of [`root:${CANARY}-wrong`, `${CANARY}-unknown:x`])
      expect(await checked(guarded.uri.replace(/\/\/[^@]*@/u, `//${login}@`))).toMatch(
        /^authentication_failed\|source: the login was refused \(code 18.*\|Check user name, password/u,
      );
    expect(
      await checked(guarded.uri.replace(/\/\/[^@]*@/u, '//').replace('&authSource=admin', ''), 'destination'),
    ).toMatch(/^unauthorized\|destination: the user lacks a privilege \(code 13.*\|Grant the user what it lacks/mu);
  });

  it('and takes a login that may do everything', async () => {
    expect(await checked(guarded.uri, 'destination')).not.toMatch(/unauthorized|missing_privilege|not_reachable/u);
  });

  it('where a password lacks its percent-encoding, or an option is none', async () => {
    for (const login of [
      `u:p@${CANARY}`,
      `u:${CANARY}/x`,
      `u:${CANARY}:x`,
      `u:x?${CANARY}`,
      `u:12?${CANARY}=1`,
      `u:%${CANARY}`,
    ])
      expect(await checked(`mongodb://${login}@127.0.0.1:1/?${FAST}`)).toMatch(
        /^invalid_connection\|the connection string of the source holds a character that has to be percent-encoded, in its user name, its password or an option\|write @ as %40/u,
      );
    expect(await checked(`mongodb://u:${CANARY}@127.0.0.1:1/?${FAST}&tls=perhaps`)).toBe(
      'invalid_connection|the connection string of the source holds a value for tls that the driver refuses|write true or false',
    );
    expect(await checked(`mongodb://u:${CANARY}@127.0.0.1:1/?${FAST}&retryWritess=true`)).toContain(
      'holds the option retryWritess, which the driver does not know|did you mean retryWrites?',
    );
  });

  it('where a reference is not set, in words that are true on a command line', async () => {
    const before = await checked(sharedMongo());
    expect(before).not.toContain('reference');
    const file = join(directory, 'unset.yaml');
    writeFileSync(
      file,
      'version: "1"\nstreams:\n  - id: s\n    source: { type: mongodb, connection_string: "${env:NOT_SET_ANYWHERE}", database: a }\n' +
        '    destination: { type: mongodb, connection_string: "${file:/nowhere/uri}", database: b }\n',
    );
    const { findings } = await checkFile(file, true, forever);
    expect(findings.map(({ message, remedy }) => `${message}|${remedy}`)).toEqual([
      'the reference ${env:NOT_SET_ANYWHERE} cannot be resolved: the environment variable is not set|Set NOT_SET_ANYWHERE in the environment of the process that connects.',
      'the reference ${file:/nowhere/uri} cannot be resolved: the file cannot be read (ENOENT)|Make the file /nowhere/uri readable for the process that connects.',
    ]);
  });
});
