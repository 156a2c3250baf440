import { defaultPayloadConverter } from '@temporalio/common';
import type { LegProgress } from '../../src/core/pump/progress';
import { waitFor } from '../../src/servers/wait';
import { Pipeline, type PipelineOptions } from '../support/pipeline';
import { Traffic } from '../support/traffic';
import { Witness } from '../support/witness';
import type { WorkerProcess } from '../support/worker-process';

/** No test waits for as long as this: a stream that goes on has not waited for the heartbeat timeout. */
const NEVER = '30m';

const open = (options: PipelineOptions): Promise<Pipeline> =>
  Pipeline.open({ seed: (source) => source.createCollection('traffic'), ...options });

const identified = (identity: string): NodeJS.ProcessEnv => ({
  TRIBUTARY_WORKER_IDENTITY: identity,
  TRIBUTARY_LOG_LEVEL: 'debug',
});

const began = (worker: WorkerProcess): Promise<string> =>
  worker.line((line) => line.includes('"leg.started"') && line.includes('"activity":"pump"'));

/** The heartbeat of the leg that runs. */
async function lastTold(t: Pipeline): Promise<LegProgress | undefined> {
  const { raw } = await t.handle.describe();
  const payload = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0];
  return payload ? defaultPayloadConverter.fromPayload<LegProgress>(payload) : undefined;
}

/** Kills the only worker in the middle of its work; answers the next one, once it has gone on. */
async function replaced(t: Pipeline, what: string, env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  await t.run();
  await using traffic = new Traffic(t.source);
  await t.caughtUp();
  await using witness = await Witness.open(t.destination);
  await waitFor(async () => ((await lastTold(t))?.totals.applied ?? 0) > 0 || undefined, {
    what: 'a heartbeat that tells of changes',
    timeoutMs: 30_000,
  });
  const lost = t.workers.shift();
  await lost?.signal('SIGKILL');
  const killedAt = Date.now();
  const written = traffic.written;
  const next = await t.startWorker(env);
  const since = (): string => `${((Date.now() - killedAt) / 1000).toFixed(1)} s`;
  await waitFor(
    async () =>
      (await t.destination.collection('traffic').countDocuments({ n: { $gt: written } })) > 0 ? true : undefined,
    { what: 'writes of the next worker', timeoutMs: 60_000 },
  );
  const flows = since();
  await t.caughtUp();
  process.stdout.write(`${what}: data flows after ${flows}, in step after ${since()}\n`);
  await traffic.stop();
  await t.caughtUp();
  await t.expectSame();
  expect(await witness.regressions('n')).toEqual([]);
  const { failure } = await t.status();
  expect(failure).toMatchObject({ code: 'worker_lost' });
  return next;
}

test('killed: the heartbeat timeout ends its leg, and the next worker goes on', async () => {
  await using t = await open({ stream: { advanced: { heartbeat_timeout: '10s' } } });
  const next = await replaced(t, 'default settings', {});
  expect(next.logged('orphaned_activities.failed')).toEqual([]);
});

test('killed, and back under its identity: it fails what it was running before it takes anything new', async () => {
  const env = identified('worker-1');
  await using t = await open({ env, stream: { advanced: { heartbeat_timeout: NEVER } } });
  const next = await replaced(t, 'the same identity', {});
  expect(next.logged('orphaned_activities.failed')).toMatchObject([{ identity: 'worker-1', legs: 1 }]);
  const events = next.lines.flatMap((line) =>
    ['orphaned_activities.failed', 'worker.ready', 'leg.started'].filter((event) => line.includes(`"${event}"`)),
  );
  expect(events.slice(0, 3)).toEqual(['orphaned_activities.failed', 'worker.ready', 'leg.started']);
  const { failure, totals } = await t.status();
  expect(failure?.message).toContain('has come back');
  // What the lost leg had last told of itself is not lost with it.
  expect(totals.applied).toBeGreaterThan(0);
});

test('killed with failover: fast: its silence is noticed whatever the heartbeat timeout is', async () => {
  await using t = await open({ stream: { advanced: { heartbeat_timeout: NEVER, failover: 'fast' } } });
  await replaced(t, 'failover: fast', {});
});

test('a worker that comes back leaves alone what others run', async () => {
  await using t = await open({ env: identified('worker-1'), stream: { advanced: { heartbeat_timeout: NEVER } } });
  await t.run();
  await began(t.worker);
  const other = await t.startWorker(identified('worker-2'));
  await other.signal('SIGKILL');
  const back = await t.startWorker(identified('worker-2'));
  expect(back.logged('orphaned_activities.failed')).toEqual([]);
  expect(await t.identityOf('pump')).toBe('worker-1');
  await t.source.collection('traffic').insertOne({ _id: 1 as never });
  await t.caughtUp();
  expect(await t.status()).toMatchObject({ failure: null });
});
