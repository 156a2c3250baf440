import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';
import { Binary } from 'mongodb';
import { failPoint } from '../support/fail-point';
import { Pipeline } from '../support/pipeline';
import { named, settings } from '../support/secret-forms';
import { privateMongo, sharedTemporal } from '../support/servers';

const PASSWORD = 'canaryPassword7391';
const WRONG = 'canaryWrong2846';
const VALUE = 'canaryValue5520';
const KEY = 'canaryKey6617';
const CANARIES = [PASSWORD, WRONG, VALUE, KEY];

/** Each canary as text, as hex and as the base64 of its bytes at each of the three offsets. */
const disguises = (canary: string): string[] => [
  canary,
  Buffer.from(canary).toString('hex'),
  ...[0, 1, 2].map((shift) => {
    const encoded = Buffer.from(`${'.'.repeat(shift)}${canary}`).toString('base64');
    // What the neighbours of the canary decide is left out.
    return encoded.slice(shift === 0 ? 0 : 4, -4);
  }),
];

const found = (text: string): string[] => {
  const lower = text.toLowerCase();
  return CANARIES.filter((canary) =>
    disguises(canary).some((disguise) => text.includes(disguise) || lower.includes(disguise.toLowerCase())),
  );
};

/** The one exception: a resume token holds the key of its change, and only tokens may, and only in history. */
const TOKEN = /"data":\s*"[0-9A-Fa-f]+"/g;

/** Every event of every run of the stream, payloads decoded. */
async function histories(t: Pipeline): Promise<string> {
  const texts: string[] = [];
  for await (const { runId } of t.client.workflow.list({
    query: `WorkflowId = 'tributary/${t.id}'`,
  })) {
    const history = await t.client.workflow.getHandle(`tributary/${t.id}`, runId).fetchHistory();
    const plain = temporal.api.history.v1.History.toObject(temporal.api.history.v1.History.fromObject(history), {
      bytes: String,
      longs: String,
      json: true,
    });
    // A payload is base64 in JSON: decoded, so that what is inside is seen.
    texts.push(
      JSON.stringify(plain, (name, value: unknown) =>
        name === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString('latin1') : value,
      ).replaceAll('\\"', '"'),
    );
  }
  return texts.join('\n');
}

/** What a collector of traces is sent. */
async function traceCollector() {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString('latin1'));
      response.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    text: () => bodies.join('\n'),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One run of the command line: what it printed, whatever it ended with. */
async function cli(args: readonly string[]): Promise<{ readonly text: string; readonly status: number }> {
  const { address, namespace } = sharedTemporal();
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  };
  const script = join(__dirname, '..', '..', 'dist', 'starter.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      resolve({
        text: `${stdout}\n${stderr}`,
        status: error === null ? 0 : Number(error.code),
      }),
    );
  });
}

/** What references may turn out to stand for in a worker: of no kind that it knows, or damaged. */
const MISTAKEN: readonly (readonly [string, string])[] = [
  [`postgres://app:${PASSWORD}@db1:5432/shop?sslpassword=${WRONG}`, 'connection_string_invalid'],
  [`host=db1 user=app password='${PASSWORD}'`, 'connection_string_invalid'],
  [`https://app:${PASSWORD}@search:9200`, 'connection_string_invalid'],
  [`AccountEndpoint=https://a.example.com/;AccountKey=${PASSWORD};`, 'connection_string_invalid'],
  [`mongodb://app:p@ss/${PASSWORD}?x=1@db1/shop`, 'invalid_connection'],
  [`mongodb://app:12?${PASSWORD}=${WRONG}@db1/shop`, 'invalid_connection'],
];

it('a secret of any kind of database is refused in a file, and no command shows it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tributary-secrets-'));
  const file = join(directory, 'streams.json');
  const source = {
    type: 'mongodb',
    connection_string: '${env:A}',
    database: 'shop',
  };
  const destination = { type: 'mongodb', connection_string: '${env:B}' };
  const sources = [
    ...settings(PASSWORD).map((connection_string) => ({
      ...source,
      connection_string,
    })),
    ...named(PASSWORD).map(([, given]) => ({
      ...source,
      type: 'postgresql',
      ...given,
    })),
  ];
  const streams = sources.map((each, index) => ({
    id: `s${index}`,
    source: each,
    destination,
  }));
  await writeFile(file, JSON.stringify({ version: '1', streams }, null, 1));
  for (const args of [
    ['config', 'check', '-f', file],
    ['config', 'check', '-f', file, '--format', 'json'],
    ['apply', '-f', file, '--verbose'],
    ['apply', '-f', file, '--dry-run', '--format', 'json'],
    ['streams', 'spec', 's0', '-f', file],
    ['streams', 'status', `postgres://app:${PASSWORD}@db1/shop`],
    ['config', 'check', `--uri=postgres://app:${PASSWORD}@db1/shop`],
  ]) {
    const { text, status } = await cli(args);
    expect(status).not.toBe(0);
    expect(found(text)).toEqual([]);
    if (args.includes(file) && args[0] === 'config')
      for (const { id } of streams) expect(text).toContain(`S${id.slice(1)}_SOURCE`);
  }
  await rm(directory, { recursive: true });
});

it('no password and no row is anywhere, and a key in nothing but the resume tokens of history, whatever fails', async () => {
  await using source = await privateMongo({
    auth: { username: 'reader', password: PASSWORD },
  });
  await using destination = await privateMongo();
  await using traces = await traceCollector();
  const { host, search } = new URL(source.uri.replace('mongodb:', 'http:'));
  const login = (variable: string) => [
    {
      id: 'reader',
      type: 'username_password' as const,
      config: { username: 'reader', password: `\${env:${variable}}` },
    },
  ];
  await using t = await Pipeline.open({
    sourceUri: source.uri,
    destinationUri: destination.uri,
    source: { connection_string: '${env:CANARY_SOURCE}', auth_id: 'reader' },
    authentication: login('CANARY_WRONG'),
    stream: { batch_size: 20 },
    env: {
      CANARY_SOURCE: `mongodb://${host}/${search}`,
      CANARY_RIGHT: PASSWORD,
      CANARY_WRONG: WRONG,
      // Also where the whole connection string is the secret.
      CANARY_URI: source.uri,
      ...Object.fromEntries(MISTAKEN.map(([uri], index) => [`CANARY_MISTAKEN_${index}`, uri])),
      TRIBUTARY_LOG_LEVEL: 'trace',
      OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
    },
    seed: async (db) => {
      await db.collection('orders').createIndexes([{ key: { secret: 1 }, name: 'by secret', unique: true }]);
      await db.collection('orders').insertMany(
        Array.from({ length: 100 }, (_, i) => ({
          _id: `${KEY}-${i}` as never,
          secret: `${VALUE}-${i}`,
        })),
      );
    },
  });
  const seen: string[] = [];
  const look = async (): Promise<void> => {
    seen.push(JSON.stringify(await t.status()));
  };
  await t.start();
  await t.needsAttention('authentication_failed');
  await look();
  for (const [index, [, code]] of MISTAKEN.entries()) {
    await t.reconfigure({
      source: { connection_string: `\${env:CANARY_MISTAKEN_${index}}` },
      authentication: login('CANARY_WRONG'),
    });
    await t.needsAttention(code);
    await look();
  }
  await t.reconfigure({ authentication: login('CANARY_RIGHT') });
  await t.caughtUp();

  // Every way to fail that has a row in its hands: refused by an index, by a rule, by the server, by a cut connection.
  const orders = t.source.collection('orders');
  await t.destination.collection('orders').createIndexes([{ key: { secret: 1 }, name: 'by hand', unique: true }]);
  await t.destination.collection('orders').insertOne({ _id: 'stray' as never, secret: `${VALUE}-new` });
  await orders.insertOne({
    _id: { part: `${KEY}-whole` } as never,
    secret: `${VALUE}-new`,
  });
  await t.needsAttention('duplicate_key');
  await look();
  await t.destination.collection('orders').deleteOne({ _id: 'stray' as never });
  await t.destination.collection('orders').dropIndex('by hand');
  await t.resume();
  await t.caughtUp();
  for (const fault of [{ errorCode: 121 }, { errorCode: 2 }, { closeConnection: true }]) {
    await using _fault = await failPoint(destination.uri, t.id, {
      failCommands: ['insert', 'update'],
      ...fault,
    });
    await orders.updateMany({}, { $set: { note: VALUE, bytes: new Binary(Buffer.from(VALUE)) } });
    await orders.updateOne({ _id: `${KEY}-1` as never }, { $inc: { times: 1 } });
    await t.until('a failure', ({ status }) => status === 'needs_attention' || status === 'retrying');
    await look();
    await _fault[Symbol.asyncDispose]();
    await t.resume();
    await t.caughtUp();
  }
  await t.replaceWorker('SIGTERM');
  await t.reconfigure({
    source: { connection_string: '${env:CANARY_URI}', auth_id: 'reader' },
    authentication: login('CANARY_RIGHT'),
  });
  await t.restart();
  await t.caughtUp();
  await t.expectSame();
  await look();

  for (const args of [
    ['streams', 'status', t.id],
    ['streams', 'status', t.id, '--format', 'json'],
    ['streams', 'list'],
  ])
    seen.push((await cli(args)).text);
  const metrics = await t.metrics();
  expect(metrics).toContain(`stream="${t.id}"`);
  expect(t.everyLine.some((line) => line.includes('leg.ended'))).toBe(true);
  const history = await histories(t);
  // The search does see what is inside payloads.
  expect(history).toContain('${env:CANARY_RIGHT}');

  expect(found(seen.join('\n'))).toEqual([]);
  expect(found(metrics)).toEqual([]);
  expect(traces.text()).toContain(t.id);
  expect(found(traces.text())).toEqual([]);
  expect(found(t.everyLine.join('\n'))).toEqual([]);
  expect(found(history.replace(TOKEN, '""'))).toEqual([]);
});

it('the search for canaries finds them in every disguise', () => {
  const bytes = Buffer.from(`some text before ${KEY} and after`);
  for (const shift of [0, 1, 2]) {
    const shifted = bytes.subarray(shift);
    expect(found(shifted.toString('base64'))).toEqual([KEY]);
    expect(found(shifted.toString('hex').toUpperCase())).toEqual([KEY]);
  }
  expect(found(bytes.toString())).toEqual([KEY]);
});
