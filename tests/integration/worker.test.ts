import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../src/protocol/names';
import { waitFor } from '../../src/servers/wait';
import { Pipeline } from '../support/pipeline';
import { promtool } from '../support/promtool';
import { privateTemporal, sharedTemporal, uniqueName } from '../support/servers';
import { strictJson } from '../support/strict-json';
import { WorkerProcess } from '../support/worker-process';

beforeAll(() => {
  execFileSync(process.execPath, [join(__dirname, '../../scripts/ensure-build.mjs')]);
});

interface Line extends Record<string, unknown> {
  readonly event: string;
}

const parsed = (worker: WorkerProcess): Line[] =>
  worker.lines.filter((line) => line.startsWith('{')).map((line) => strictJson(line) as Line);

const lineOf = (worker: WorkerProcess, event: string): Line => parsed(worker).find((line) => line.event === event)!;

function endpoints(worker: WorkerProcess) {
  const { healthPort, metricsPort } = lineOf(worker, 'worker.starting') as unknown as Record<string, number>;
  const get = (port: number | undefined, path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  return {
    live: async () => (await get(healthPort, '/healthz')).status,
    ready: async () => (await get(healthPort, '/readyz')).status,
    metrics: async () => (await get(metricsPort, '/metrics')).text(),
    missing: async () => (await get(healthPort, '/elsewhere')).status,
  };
}

const environment = (address: string, env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  TEMPORAL_ADDRESS: address,
  TRIBUTARY_TASK_QUEUE: uniqueName('queue'),
  TRIBUTARY_HTTP_HOST: '127.0.0.1',
  ...env,
});

const seconds = (ms: number) => ({ timeoutMs: ms * 1_000, everyMs: 100 });

test('a stream is in the probes, on the metrics page and on every line of its log; SIGTERM hands its position back', async () => {
  await using t = await Pipeline.open({
    seed: (source) => source.collection<{ _id: number }>('orders').insertMany([{ _id: 1 }, { _id: 2 }]),
    env: { TRIBUTARY_WORKER_IDENTITY: 'worker-a', TRIBUTARY_LOG_LEVEL: 'debug' },
  });
  const { worker } = t;
  const { live, ready, metrics, missing } = endpoints(worker);
  await waitFor(async () => ((await ready()) === 200 ? true : undefined), { what: 'ready', ...seconds(10) });
  expect(await live()).toBe(200);
  expect(await missing()).toBe(404);

  await t.start();
  await t.until('replicating', ({ status }) => status === 'replicating');
  await t.source.collection<{ _id: number }>('orders').insertOne({ _id: 3 });
  await t.caughtUp();
  const labels = `stream="${t.id}",source="mongodb",destination="mongodb"`;
  const page = await metrics();
  expect(page).toMatch(new RegExp(`tributary_changes_applied_total\\{${labels}\\} [1-9]`));
  expect(page).toContain(`tributary_snapshot_rows_total{${labels}} 2\n`);
  expect(page).toContain(`tributary_stream_status{${labels},status="replicating"} 1\n`);
  expect(page).toMatch(new RegExp(`tributary_lag_seconds\\{${labels}\\} `));
  expect(page).toMatch(/^temporal_worker_task_slots_available\{/m);
  expect(page).toMatch(new RegExp(`tributary_stream_events_total\\{${labels},event="stream.prepared"\\} 1`));
  expect(await promtool(['check', 'metrics'], page)).toEqual({ status: 0, out: '' });

  const ofLegs = parsed(worker).filter(({ activity, event }) => activity === 'pump' && event !== 'temporal');
  expect(ofLegs.length).toBeGreaterThan(0);
  for (const line of ofLegs) {
    expect(line).toMatchObject({ stream: t.id, workflow: `tributary/${t.id}`, worker: 'worker-a' });
    expect(line).toMatchObject({ run: expect.any(String) as string, epoch: expect.any(Number) as number });
  }

  expect(await worker.signal('SIGTERM')).toBe(0);
  expect(parsed(worker).map(({ event }) => event)).toEqual(
    expect.arrayContaining(['worker.draining', 'worker.drained']),
  );
  t.workers.shift();
  await t.source.collection<{ _id: number }>('orders').insertOne({ _id: 4 });
  await t.startWorker();
  await t.caughtUp();
  await t.expectSame();
  const { failure, failures } = await t.status();
  expect({ failure, failures }).toEqual({ failure: null, failures: 0 });
});

test('a worker lives through a restart of Temporal, and says meanwhile that it is not ready', async () => {
  await using temporal = await privateTemporal();
  await using worker = await WorkerProcess.start(environment(temporal.address));
  const { live, ready } = endpoints(worker);
  const until = (status: number) =>
    waitFor(async () => ((await ready()) === status ? true : undefined), { what: `/readyz ${status}`, ...seconds(30) });
  await until(200);
  await temporal.kill('SIGKILL');
  await until(503);
  expect(await live()).toBe(200);
  await worker.line((line) => line.includes('"temporal.unreachable"'));
  await temporal.restart();
  await until(200);
  await worker.line((line) => line.includes('temporal.unreachable.over'));
  const chatter = parsed(worker).filter(({ level }) => level === 'warn' || level === 'error');
  expect(chatter.length).toBeLessThan(10);
  expect(await worker.signal('SIGTERM')).toBe(0);
});

test('what workflows set is registered where it is missing', async () => {
  await using temporal = await privateTemporal({ searchAttributes: {} });
  await using _worker = await WorkerProcess.start(environment(temporal.address));
  const connection = await Connection.connect({ address: temporal.address });
  const { namespace } = new Client({ connection }).options;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  await connection.close();
  expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.values(SEARCH_ATTRIBUTES)));
});

test('a Temporal that never comes ends the worker with one clear line', async () => {
  const worker = WorkerProcess.start(environment('127.0.0.1:1', { TRIBUTARY_CONNECT_TIMEOUT: '2s' }));
  await expect(worker).rejects.toThrow(/worker: Temporal at 127\.0\.0\.1:1 could not be reached for 2 s \(.*\); check/);
});

test('wrong settings end the worker with their names', async () => {
  const { address } = sharedTemporal();
  const worker = WorkerProcess.start(environment(address, { TRIBUTARY_MAX_CONCURRENT_STREAMS: '0' }));
  await expect(worker).rejects.toThrow(/worker: TRIBUTARY_MAX_CONCURRENT_STREAMS: /);
});
