import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Db, Long, MongoClient } from 'mongodb';
import type { Applied } from '../../src/cli/apply/apply';
import type { StreamReport } from '../../src/cli/streams/report';
import type { Waited } from '../../src/cli/streams/wait';
import type { FinalizeReport } from '../../src/protocol/stream-messages';
import type { StreamView } from '../../src/protocol/stream-view';
import { differences } from '../support/same';
import { sharedMongo, sharedTemporal, uniqueName } from '../support/servers';
import { WorkerProcess } from '../support/worker-process';

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

const STARTER = join(__dirname, '..', '..', 'dist', 'starter.js');
const ROWS = 500;

const id = uniqueName('orders');
const database = uniqueName('shop-eu');
let directory: string;
let file: string;
let env: NodeJS.ProcessEnv;
let worker: WorkerProcess | undefined;
let source: Db;
let destination: Db;
const clients: MongoClient[] = [];

const run = (...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [STARTER, ...args], { env }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code), out, err });
    });
  });

async function json<T>(...args: string[]): Promise<T> {
  const { status, out, err } = await run(...args, '--format', 'json');
  expect({ status, err: status === 0 ? '' : err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out) as T;
}

const configure = (more = ''): Promise<void> =>
  writeFile(
    file,
    `version: "1"
streams:
  - id: ${id}
    source:      { type: mongodb, connection_string: "\${env:SOURCE_URI}", database: ${database}, collections: ["orders*"] }
    destination: { type: mongodb, connection_string: "\${env:TARGET_URI}" }
${more}`,
  );

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tributary-cli-'));
  file = join(directory, 'streams.yaml');
  const { address, namespace } = sharedTemporal();
  env = {
    ...process.env,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TRIBUTARY_TASK_QUEUE: uniqueName('queue'),
    SOURCE_URI: sharedMongo('source'),
    TARGET_URI: sharedMongo('destination'),
  };
  const open = async (uri: string): Promise<Db> => {
    const client = await new MongoClient(uri).connect();
    clients.push(client);
    return client.db(database);
  };
  source = await open(sharedMongo('source'));
  destination = await open(sharedMongo('destination'));
  const rows = Array.from({ length: ROWS }, (_, i) => ({ _id: Long.fromNumber(i), state: 'placed' }));
  await source.collection<{ _id: Long }>('orders.eu').insertMany(rows);
});

afterAll(async () => {
  await worker?.[Symbol.asyncDispose]();
  await Promise.all(clients.map((client) => client.close()));
  await rm(directory, { recursive: true, force: true });
});

describe('the life of a stream by its commands', () => {
  it('is checked, with what the databases say', async () => {
    await configure();
    const checked = await run('config', 'check', '-f', file, '--connect');
    expect(checked).toMatchObject({ status: 0 });
    expect(checked.out).toContain(`valid, 1 stream (${id})`);
  });

  it('is planned, then started without a worker, and listed as Temporal knows it', async () => {
    const planned = await json<Applied>('apply', '-f', file, '--dry-run');
    expect(planned.streams).toMatchObject([{ stream: id, action: 'start', outcome: 'planned' }]);
    expect((await run('streams', 'status', id)).status).toBe(1);

    const applied = await json<Applied>('apply', '-f', file);
    expect(applied.streams).toMatchObject([{ stream: id, action: 'start', outcome: 'done', error: null }]);
    const report = await json<StreamReport>('streams', 'status', id);
    expect(report).toMatchObject({ stream: id, status: 'preparing', worker: 'silent', view: null });

    const again = await run('apply', '-f', file);
    expect(again).toMatchObject({ status: 1 });
    expect(again.out).toContain('tributary worker');
  });

  it('copies and catches up as soon as a worker runs', async () => {
    worker = await WorkerProcess.start(env);
    const copied = await json<Waited>('streams', 'wait', id, '--until', 'snapshot-done');
    expect(copied).toMatchObject({ stream: id, until: 'snapshot-done', target: null });
    await source.collection('orders.eu').updateMany({}, { $set: { state: 'paid' } });
    const caughtUp = await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    expect(caughtUp.target).not.toBeNull();
    expect(await differences(source, destination)).toEqual([]);
    expect(await json<StreamReport>('streams', 'status', id)).toMatchObject({
      status: 'replicating',
      worker: 'answers',
      workflow: { id: `tributary/${id}`, execution: 'running' },
    });
    const all = await json<StreamReport[]>('streams', 'list');
    expect(all.map(({ stream }) => stream)).toContain(id);
  });

  it('is left alone when nothing changed, and reconfigured when something did', async () => {
    const same = await json<Applied>('apply', '-f', file);
    expect(same.streams).toMatchObject([{ action: 'unchanged', changes: [] }]);

    await configure('    batch_size: 77\n');
    const planned = await run('apply', '-f', file, '--dry-run');
    expect(planned.out).toMatch(/batch_size +1000 +77/);
    const applied = await json<Applied>('apply', '-f', file);
    expect(applied.streams).toMatchObject([{ action: 'reconfigure', outcome: 'done' }]);
    expect((await json<Applied>('apply', '-f', file)).streams).toMatchObject([{ action: 'unchanged' }]);
  });

  it('refuses what does not fit, and changes nothing', async () => {
    const { out, err, status } = await run('streams', 'status', 'no-such-stream');
    expect({ out, status }).toEqual({ out: '', status: 1 });
    expect(err).toContain('tributary streams list');
  });

  it('pauses and resumes', async () => {
    expect(await json<StreamView>('streams', 'pause', id, '--reason', 'a test')).toMatchObject({ status: 'paused' });
    expect(await json<Waited>('streams', 'wait', id, '--until', 'paused')).toMatchObject({ until: 'paused' });
    await source.collection<{ _id: Long }>('orders.eu').deleteOne({ _id: Long.fromNumber(1) });
    expect((await run('streams', 'resume', id)).status).toBe(0);
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    expect(await differences(source, destination)).toEqual([]);
  });

  it('is paused and resumed by `enabled` too', async () => {
    await configure('    batch_size: 77\n    enabled: false\n');
    expect((await json<Applied>('apply', '-f', file)).streams).toMatchObject([{ then: 'pause', outcome: 'done' }]);
    expect((await json<StreamReport>('streams', 'status', id)).status).toBe('paused');
    await configure('    batch_size: 77\n');
    expect((await json<Applied>('apply', '-f', file)).streams).toMatchObject([{ then: 'resume', outcome: 'done' }]);
  });

  it('copies anew on restart, which repairs what someone else broke', async () => {
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    await destination.collection('orders.eu').deleteMany({});
    expect((await run('streams', 'restart', id, '--from', 'snapshot')).status).toBe(0);
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    expect(await differences(source, destination)).toEqual([]);
  });

  it('stops, and goes on from its ledger when it is applied again', async () => {
    expect(await json<StreamView>('streams', 'stop', id)).toMatchObject({ status: 'stopped' });
    const running = await json<StreamReport[]>('streams', 'list');
    expect(running.map(({ stream }) => stream)).not.toContain(id);
    const all = await json<StreamReport[]>('streams', 'list', '--all');
    expect(all.find(({ stream }) => stream === id)).toMatchObject({ workflow: { execution: 'completed' } });
    await source.collection<{ _id: Long }>('orders.eu').insertOne({ _id: Long.fromNumber(10_000) });
    expect((await json<Applied>('apply', '-f', file)).streams).toMatchObject([{ action: 'start', outcome: 'done' }]);
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    expect(await differences(source, destination)).toEqual([]);
  });

  it('is finalized, which is no success while an index cannot be put in force', async () => {
    await source.collection('orders.eu').createIndex({ tag: 1 }, { unique: true, sparse: true }, {});
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    const twice = [20_000, 20_001].map((n) => ({ _id: Long.fromNumber(n), tag: 'same' }));
    await destination.collection<{ _id: Long }>('orders.eu').insertMany(twice);
    const refused = await run('streams', 'finalize', id, '--format', 'json');
    expect(refused.status).toBe(1);
    const { view, findings } = JSON.parse(refused.out) as FinalizeReport;
    expect(view).toMatchObject({ stream: id, status: 'finalized' });
    expect(findings).toMatchObject([{ severity: 'error', code: 'unique_violation' }]);

    await destination.collection('orders.eu').deleteMany({ tag: 'same' });
    await json<Applied>('apply', '-f', file);
    await json<Waited>('streams', 'wait', id, '--until', 'caught-up');
    expect((await json<FinalizeReport>('streams', 'finalize', id)).findings).toEqual([]);
  });
});
