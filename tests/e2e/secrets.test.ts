import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporal } from '@temporalio/proto';
import { Binary } from 'mongodb';
import { failPoint } from '../support/fail-point';
import { Pipeline } from '../support/pipeline';
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
  for await (const { runId } of t.client.workflow.list({ query: `WorkflowId = 'tributary/${t.id}'` })) {
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

it('no password and no row is anywhere, and a key in nothing but the resume tokens of history, whatever fails', async () => {
  await using source = await privateMongo({ auth: { username: 'reader', password: PASSWORD } });
  await using destination = await privateMongo();
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
      TRIBUTARY_LOG_LEVEL: 'trace',
    },
    seed: async (db) => {
      await db.collection('orders').createIndexes([{ key: { secret: 1 }, name: 'by secret', unique: true }]);
      await db
        .collection('orders')
        .insertMany(Array.from({ length: 100 }, (_, i) => ({ _id: `${KEY}-${i}` as never, secret: `${VALUE}-${i}` })));
    },
  });
  const seen: string[] = [];
  const look = async (): Promise<void> => {
    seen.push(JSON.stringify(await t.status()));
  };
  await t.start();
  await t.needsAttention('authentication_failed');
  await look();
  await t.reconfigure({ authentication: login('CANARY_RIGHT') });
  await t.caughtUp();

  // Every way to fail that has a row in its hands: refused by an index, by a rule, by the server, by a cut connection.
  const orders = t.source.collection('orders');
  await t.destination.collection('orders').createIndexes([{ key: { secret: 1 }, name: 'by hand', unique: true }]);
  await t.destination.collection('orders').insertOne({ _id: 'stray' as never, secret: `${VALUE}-new` });
  await orders.insertOne({ _id: { part: `${KEY}-whole` } as never, secret: `${VALUE}-new` });
  await t.needsAttention('duplicate_key');
  await look();
  await t.destination.collection('orders').deleteOne({ _id: 'stray' as never });
  await t.destination.collection('orders').dropIndex('by hand');
  await t.resume();
  await t.caughtUp();
  for (const fault of [{ errorCode: 121 }, { errorCode: 2 }, { closeConnection: true }]) {
    await using _fault = await failPoint(destination.uri, t.id, { failCommands: ['insert', 'update'], ...fault });
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

  const run = promisify(execFile);
  for (const args of [
    ['streams', 'status', t.id],
    ['streams', 'status', t.id, '--format', 'json'],
    ['streams', 'list'],
  ]) {
    const { address, namespace } = sharedTemporal();
    const env = { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
    const { stdout, stderr } = await run(
      process.execPath,
      [join(__dirname, '..', '..', 'dist', 'starter.js'), ...args],
      { env },
    );
    seen.push(stdout, stderr);
  }
  const metrics = await t.metrics();
  expect(metrics).toContain(`stream="${t.id}"`);
  expect(t.everyLine.some((line) => line.includes('leg.ended'))).toBe(true);
  const history = await histories(t);
  // The search does see what is inside payloads.
  expect(history).toContain('${env:CANARY_RIGHT}');

  expect(found(seen.join('\n'))).toEqual([]);
  expect(found(metrics)).toEqual([]);
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
