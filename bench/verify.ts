import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Double, MongoClient, type Document } from 'mongodb';
import { idDocument, keyOf } from '../src/bson/key';
import { mongodbDestinationSchema, mongodbSourceSchema } from '../src/config/schema';
import { Secret } from '../src/config/secret';
import { openDestination } from '../src/destinations/registry';
import { createComparison } from '../src/replication/compare';
import { settle } from '../src/replication/settle';
import type { Range } from '../src/replication/source';
import { startMongo } from '../src/services/mongo';
import { openSource } from '../src/sources/registry';

/**
 * Time and memory of a verification: `node -r @swc-node/register bench/verify.ts [ROWS]`. Both sides get the same rows,
 * but for one flipped bit, another number type, a missing and an extra row; a process of its own compares them.
 */
const DATABASE = 'shop';
const CHUNK = 5_000;
const STREAM = 'verify-bench';
const signal = new AbortController().signal;
const silent = (): void => undefined;

const row = (_id: number): Document => ({
  _id,
  customer: `customer ${_id % 1_000}`,
  state: 'placed',
  total: _id % 97,
  lines: [{ item: _id % 13, count: 2 }],
  note: 'x'.repeat(100),
});

async function fill(uri: string, rows: number): Promise<void> {
  const client = await MongoClient.connect(uri);
  const orders = client.db(DATABASE).collection<Document & { _id: number }>('orders');
  for (let from = 0; from < rows; from += CHUNK) {
    const list = Array.from({ length: Math.min(CHUNK, rows - from) }, (_, i) => row(from + i));
    await orders.insertMany(list as (Document & { _id: number })[], { ordered: false });
  }
  await client.close();
}

async function damage(uri: string, rows: number): Promise<void> {
  const client = await MongoClient.connect(uri);
  const orders = client.db(DATABASE).collection<Document & { _id: number }>('orders');
  await orders.updateOne({ _id: Math.floor(rows / 3) }, { $set: { state: 'qlaced' } });
  await orders.updateOne({ _id: Math.floor(rows / 2) }, { $set: { total: new Double(7) } });
  await orders.deleteOne({ _id: rows - 10 });
  await orders.insertOne({ _id: rows + 10 });
  await client.close();
}

async function open(uris: { readonly source: string; readonly destination: string }) {
  const context = { stream: STREAM, log: silent };
  const options = { type: 'mongodb', connection_string: 'bench' } as const;
  const source = await openSource(
    mongodbSourceSchema.parse({ ...options, database: DATABASE }),
    { connectionString: new Secret(uris.source) },
    context,
  );
  const destination = await openDestination(
    mongodbDestinationSchema.parse(options),
    { connectionString: new Secret(uris.destination) },
    context,
  );
  return { source, destination };
}

/** In the process that is measured. */
async function compare(uris: { readonly source: string; readonly destination: string }): Promise<void> {
  const { source, destination } = await open(uris);
  const claim = await destination.claim({ stream: STREAM, epoch: 1, lanes: 1, expect: 'any' }, signal);
  await claim.begin(await source.here(signal), signal);
  const verification = destination.verification(STREAM, 'bench');
  const ranges = new Map<string, readonly Range[]>();
  for (const each of await source.namespaces(signal))
    ranges.set(each.name, await source.ranges(each, Math.ceil(each.estimatedRows / 50_000), signal));
  await verification.plan(ranges, [], signal);
  // What the process has before it reads a row, the compiler of this script included.
  const startMegabytes = Math.round(process.memoryUsage.rss() / 1e6);
  const began = performance.now();
  const reason = await createComparison({
    source,
    destination,
    verification,
    since: await source.here(signal),
    keyOf: (bytes) => {
      const key = idDocument(bytes);
      return key && keyOf(key);
    },
    parallelism: 2,
    batchSize: 1_000,
    rowsPerSecond: 0,
    sliceMs: 24 * 60 * 60_000,
    compared: silent,
    log: silent,
  }).run(signal);
  const compared = performance.now();
  await settle(
    { source, destination, verification, sliceMs: 600_000, now: () => Date.now(), report: silent, log: silent },
    signal,
  );
  const seconds = (ms: number): number => Math.round(ms / 100) / 10;
  process.send?.({
    reason,
    compareSeconds: seconds(compared - began),
    settleSeconds: seconds(performance.now() - compared),
    startMegabytes,
    peakMegabytes: Math.round((process.resourceUsage().maxRSS * 1_024) / 1e6),
    cpuSeconds: seconds((process.cpuUsage().user + process.cpuUsage().system) / 1_000),
    findings: await verification.findings(signal),
  });
  await source[Symbol.asyncDispose]();
  await destination[Symbol.asyncDispose]();
}

async function main(rows: number): Promise<void> {
  const report = (line: string): boolean => process.stderr.write(`${line}\n`);
  await using source = await startMongo({ variant: 'fast', own: true, oplogMaxEntries: 10_000_000 }, report);
  await using destination = await startMongo({ variant: 'fast', own: true }, report);
  await Promise.all([fill(source.uri, rows), fill(destination.uri, rows)]);
  await damage(destination.uri, rows);
  const child = fork(__filename, ['--compare'], {
    execArgv: ['-r', '@swc-node/register'],
    env: { ...process.env, BENCH_SOURCE: source.uri, BENCH_DESTINATION: destination.uri },
  });
  child.on('message', (result) => process.stdout.write(`${JSON.stringify({ rows, ...(result as object) })}\n`));
  await once(child, 'exit');
}

const { BENCH_SOURCE: source = '', BENCH_DESTINATION: destination = '' } = process.env;
const run =
  process.argv[2] === '--compare' ? compare({ source, destination }) : main(Number(process.argv[2] ?? 1_000_000));
run.catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
