import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createPlain, createSecureServer, type Http2Server } from 'node:http2';
import { type AddressInfo, createServer as createSocketServer, type Server } from 'node:net';
import { connectTemporal } from '../../src/cli/temporal';
import { connectTemporal as connectWorker } from '../../src/worker/temporal/connection';
import { freePort, listens } from '../../src/servers/ports';
import { waitFor } from '../../src/servers/wait';
import { Authority, contents, type Pair } from '../support/certificates';

const HERE = { names: 'DNS:localhost,IP:127.0.0.1' };
/** A worker that would go on trying would do so for three minutes. */
const QUICKLY_MS = 8_000;

let authority: Authority;
let good: Pair;
let elsewhere: Pair;
let expired: Pair;
const open: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await Authority.create();
  good = authority.issue('good', HERE);
  elsewhere = authority.issue('elsewhere', { names: 'DNS:elsewhere.example' });
  expired = authority.issue('expired', { ...HERE, expired: true });
});

afterEach(() => open.splice(0).map((close) => close()));
afterAll(() => authority[Symbol.asyncDispose]());

async function listening(server: Server | Http2Server): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket: { destroy(): void }) => sockets.add(socket));
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers every call with one gRPC status. */
function answering<T extends Http2Server>(server: T, status: string): T {
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': 'no' },
      { endStream: true },
    );
  });
  for (const event of ['error', 'sessionError', 'tlsClientError']) server.on(event, () => undefined);
  return server;
}

const secure = (pair: Pair, status = '16'): Promise<string> =>
  listening(answering(createSecureServer(contents(pair)) as unknown as Http2Server, status));

/** Verifies client certificates as Temporal's server does: what it refuses is told as an alert of TLS. */
async function mutual(): Promise<string> {
  const port = await freePort();
  const args = ['-accept', String(port), '-cert', good.cert, '-key', good.key, '-alpn', 'h2', '-quiet'];
  const verify = ['-CAfile', authority.cert, '-Verify', '1', '-verify_return_error'];
  const child = spawn('openssl', ['s_server', ...args, ...verify], { stdio: ['pipe', 'ignore', 'ignore'] });
  open.push(() => child.kill('SIGKILL'));
  await waitFor(() => reachable(port), { what: 'openssl s_server', timeoutMs: 10_000 });
  return `127.0.0.1:${port}`;
}

const reachable = async (port: number): Promise<true | undefined> => ((await listens(port)) ? true : undefined);

const trusted = (): NodeJS.ProcessEnv => ({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.cert });
const client = ({ cert, key }: Pair): NodeJS.ProcessEnv => ({
  ...trusted(),
  TEMPORAL_TLS_CLIENT_CERT_PATH: cert,
  TEMPORAL_TLS_CLIENT_KEY_PATH: key,
});

const PAIR = 'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH (or …_DATA)';
const REFUSED = [
  'the server refuses the credentials',
  'check TEMPORAL_API_KEY, the client certificate, and the namespace that they are for',
] as const;

type Case = [string, () => Promise<string>, () => NodeJS.ProcessEnv, readonly [string, string]];
const CASES: Case[] = [
  [
    'an issuer that is not trusted',
    () => secure(good),
    () => ({ TEMPORAL_TLS: 'true' }),
    [
      "the server's certificate was not issued by an authority that is trusted here",
      'set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the certificate of its issuer',
    ],
  ],
  [
    'a certificate for another name',
    () => secure(elsewhere),
    trusted,
    [
      "the server's certificate is for another name",
      'set TEMPORAL_TLS_SERVER_NAME to a name in the certificate, or TEMPORAL_ADDRESS to the right host',
    ],
  ],
  [
    'a certificate that has expired',
    () => secure(expired),
    trusted,
    [
      "the server's certificate has expired",
      "let the server's administrator renew it, and check the clock of this machine",
    ],
  ],
  [
    'a client certificate that is missing',
    mutual,
    trusted,
    ['the server asks for a client certificate', `set ${PAIR}`],
  ],
  [
    'a client certificate that has expired',
    mutual,
    () => client(expired),
    ['the client certificate has expired', `renew it: ${PAIR} name it`],
  ],
  [
    'a client certificate and a key that are no pair',
    () => secure(good),
    () => client({ cert: good.cert, key: elsewhere.key }),
    ['the client key or certificate cannot be used', `${PAIR} take a pair in PEM form`],
  ],
  ['an API key that is refused', () => secure(good, '16'), () => ({ ...trusted(), TEMPORAL_API_KEY: 'k' }), REFUSED],
  [
    'an API key of another namespace',
    () => secure(good, '7'),
    () => ({ ...trusted(), TEMPORAL_API_KEY: 'k' }),
    REFUSED,
  ],
];

const WAITED: Case[] = [
  [
    'TLS against a plain port',
    () => listening(answering(createPlain(), '12')),
    trusted,
    ['what listens there does not speak TLS', 'set TEMPORAL_TLS=false, or another address'],
  ],
  [
    'plain gRPC against a TLS port',
    () => secure(good),
    () => ({}),
    ['what listens there does not speak plain gRPC', 'is it TLS (TEMPORAL_TLS=true), or no Temporal server?'],
  ],
  [
    'a server of another kind',
    () => listening(createSocketServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 No\r\n\r\n'))),
    () => ({}),
    ['what listens there does not speak plain gRPC', 'is it TLS (TEMPORAL_TLS=true), or no Temporal server?'],
  ],
];

async function failureOf(
  work: () => Promise<unknown>,
): Promise<{ readonly message: string; readonly remedy?: string }> {
  try {
    await work();
  } catch (error) {
    return error as { message: string; remedy?: string };
  }
  throw new Error('it connected');
}

/** Both processes read their settings from the environment. */
async function asWorker(env: NodeJS.ProcessEnv, timeoutMs: number): Promise<{ readonly message: string }> {
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    return await failureOf(() => connectWorker(() => undefined, timeoutMs, new AbortController().signal));
  } finally {
    for (const name of Object.keys(env)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, before);
  }
}

test.each(CASES)('%s is told at once by commands and workers', async (_what, start, settings, [reason, remedy]) => {
  const address = await start();
  const env = { ...settings(), TEMPORAL_ADDRESS: address };
  const began = Date.now();
  expect(await failureOf(() => connectTemporal({ env, timeoutMs: 60_000 }))).toMatchObject({
    message: `Temporal at ${address} cannot be used: ${reason}`,
    remedy,
  });
  expect((await asWorker(env, 180_000)).message).toBe(`Temporal at ${address} cannot be used: ${reason}; ${remedy}`);
  expect(Date.now() - began).toBeLessThan(QUICKLY_MS);
});

test.each(WAITED)('%s is tried again, then told', async (_what, start, settings, [reason, remedy]) => {
  const address = await start();
  const env = { ...settings(), TEMPORAL_ADDRESS: address };
  expect(await failureOf(() => connectTemporal({ env, timeoutMs: 600 }))).toMatchObject({
    message: `Temporal does not answer at ${address} (${reason})`,
    remedy: expect.stringContaining(remedy) as string,
  });
  expect((await asWorker(env, 600)).message).toBe(
    `Temporal at ${address} could not be reached for 1 s (${reason}); ${remedy}`,
  );
});
