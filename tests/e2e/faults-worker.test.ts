import type { RunningMongo } from '../../src/servers/mongodb/server';
import { waitFor } from '../../src/servers/wait';
import { failPoint, type CommandFault } from '../support/fail-point';
import { Pipeline, type PipelineOptions } from '../support/pipeline';
import { privateMongo } from '../support/servers';
import { Traffic } from '../support/traffic';
import { Witness } from '../support/witness';
import type { WorkerProcess } from '../support/worker-process';

const BIG = 1000;

/** These hold up commands of their servers, which is one fault at a time for each. */
let servers: { readonly source: RunningMongo; readonly destination: RunningMongo };
beforeAll(async () => {
  const [source, destination] = await Promise.all([privateMongo(), privateMongo()]);
  servers = { source, destination };
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server: RunningMongo) => server[Symbol.asyncDispose]()));
});

const open = (options: PipelineOptions = {}): Promise<Pipeline> =>
  Pipeline.open({
    sourceUri: servers.source.uri,
    destinationUri: servers.destination.uri,
    env: { TRIBUTARY_LOG_LEVEL: 'debug' },
    stream: { batch_size: 5, snapshot: { copy_parallelism: 1 } },
    seed: async (source) => {
      const rows = (count: number) => Array.from({ length: count }, (_, i) => ({ _id: i as never, text: `row ${i}` }));
      await source.collection('a.first').insertMany(rows(60));
      await source.collection('b.second').insertMany(rows(70));
      await source.collection('c.big').insertMany(rows(BIG));
    },
    ...options,
  });

const slow = (t: Pipeline, side: 'source' | 'destination', command: string, blockTimeMS: number) => {
  const fault: CommandFault = { failCommands: [command], blockConnection: true, blockTimeMS };
  return failPoint(servers[side].uri, t.id, fault);
};

const began = (worker: WorkerProcess, activity: string): Promise<string> =>
  worker.line((line) => line.includes('"leg.started"') && line.includes(`"activity":"${activity}"`));

const copiedMoreThan = (t: Pipeline, rows: number) =>
  waitFor(async () => ((await t.destination.collection('c.big').countDocuments()) > rows ? true : undefined), {
    what: `a copy beyond ${rows} rows`,
    timeoutMs: 60_000,
  });

const rangesCopiedBy = (worker: WorkerProcess): string[] =>
  worker
    .logged('range_copied')
    .map(({ namespace }) => String(namespace).split('.').slice(1).join('.'))
    .sort();

describe.each(['SIGKILL', 'SIGTERM'] as const)('%s of the only worker', (signal) => {
  /** A worker that is asked to end returns what it has; one that is killed is noticed by its silence. */
  const replaced = async (t: Pipeline): Promise<WorkerProcess> => {
    const { worker } = t;
    const status = await t.replaceWorker(signal);
    expect(status).toBe(signal === 'SIGTERM' ? 0 : null);
    expect(worker.logged('worker.drained')).toHaveLength(signal === 'SIGTERM' ? 1 : 0);
    return worker;
  };

  it('while it prepares: the next one prepares', async () => {
    await using t = await open();
    await using witness = await Witness.open(t.destination);
    {
      await using _slow = await slow(t, 'source', 'listIndexes', 1500);
      await t.start();
      await began(t.worker, 'prepare');
      await replaced(t);
    }
    await t.caughtUp();
    await t.expectSame();
    expect(await witness.seen()).toHaveLength(60 + 70 + BIG);
    expect(await t.status()).toMatchObject({ status: 'replicating', failures: 0 });
  });

  it('while it copies: the next one goes on in the middle of the collection', async () => {
    await using t = await open();
    await using witness = await Witness.open(t.destination);
    await using traffic = new Traffic(t.source);
    let first: WorkerProcess;
    {
      await using _slow = await slow(t, 'destination', 'insert', 25);
      await t.start();
      await copiedMoreThan(t, 300);
      first = await replaced(t);
      expect(await t.destination.collection('c.big').countDocuments()).toBeLessThan(BIG);
    }
    await t.until('the end of the copy', ({ phase }) => phase === 'replicate');
    await traffic.stop();
    await t.caughtUp();
    await t.expectSame();
    // Every row was written once, and what the first worker had finished was not touched again.
    const rows = (await witness.seen()).filter(({ collection }) => collection !== 'traffic');
    expect(rows).toHaveLength(60 + 70 + BIG);
    expect(new Set(rows.map(({ op }) => op))).toEqual(new Set(['insert']));
    expect(rangesCopiedBy(first)).toEqual(expect.arrayContaining(['a.first', 'b.second']));
    expect(rangesCopiedBy(first)).not.toContain('c.big');
    expect(rangesCopiedBy(t.worker)).toEqual(expect.not.arrayContaining(['a.first', 'b.second']));
    expect(rangesCopiedBy(t.worker)).toContain('c.big');
  });

  it('while it replicates: nothing is lost and nothing is written twice', async () => {
    await using t = await open({ seed: (source) => source.createCollection('traffic') });
    await t.run();
    await using traffic = new Traffic(t.source);
    // From here on the stream is in step: every change is applied once, as it is.
    await t.caughtUp();
    await using witness = await Witness.open(t.destination);
    for (const round of [1, 2]) {
      const before = traffic.written;
      await waitFor(() => Promise.resolve(traffic.written > before + 100 ? true : undefined), {
        what: `traffic in round ${round}`,
        timeoutMs: 30_000,
      });
      await replaced(t);
    }
    await traffic.stop();
    await t.caughtUp();
    await t.expectSame();
    expect(await witness.regressions('n')).toEqual([]);
    const { failure } = await t.status();
    expect(failure?.code).toBe(signal === 'SIGTERM' ? undefined : 'worker_lost');
  });
});

describe('pause and resume', () => {
  it('in each phase: nothing is written while paused, and nothing is lost', async () => {
    await using t = await open();
    const paused = async (): Promise<void> => {
      expect(await t.pause()).toMatchObject({ status: 'paused' });
      await using witness = await Witness.open(t.destination);
      await t.source.collection('a.first').updateOne({ _id: 1 as never }, { $inc: { touched: 1 } });
      // Two round trips of the source's idle positions would have passed by now.
      await t.source.collection('a.first').updateOne({ _id: 2 as never }, { $inc: { touched: 1 } });
      expect(await witness.seen()).toEqual([]);
      expect(await t.resume()).not.toMatchObject({ status: 'paused' });
    };
    {
      await using _slow = await slow(t, 'source', 'listIndexes', 700);
      await t.start();
      await began(t.worker, 'prepare');
      await paused();
    }
    {
      await using _slow = await slow(t, 'destination', 'insert', 25);
      await copiedMoreThan(t, 300);
      await paused();
      expect(await t.destination.collection('c.big').countDocuments()).toBeLessThan(BIG);
    }
    await t.until('the end of the copy', ({ phase }) => phase === 'replicate');
    await began(t.worker, 'pump');
    await paused();
    await t.caughtUp();
    await t.expectSame();
    expect(await t.status()).toMatchObject({ status: 'replicating', failure: null });
  });

  it('is still paused when its worker was killed meanwhile', async () => {
    await using t = await open({ seed: (source) => source.createCollection('traffic') });
    await t.run();
    await t.pause();
    await t.replaceWorker('SIGKILL');
    await t.source.collection('traffic').insertOne({ _id: 1 as never });
    expect(await t.status()).toMatchObject({ status: 'paused' });
    expect(await t.destination.collection('traffic').countDocuments()).toBe(0);
    await t.resume();
    await t.caughtUp();
    await t.expectSame();
  });
});

describe('two workers', () => {
  /** The worker that runs the leg now. */
  const atWork = async (t: Pipeline): Promise<WorkerProcess> =>
    waitFor(
      async () => {
        const identity = await t.identityOf('pump');
        return t.workers.find(({ pid }) => identity?.endsWith(`:${pid}`));
      },
      { what: 'a worker with the leg', timeoutMs: 30_000 },
    );

  it('at once: when the one with the leg dies the other goes on', async () => {
    await using t = await open({ workers: 2, seed: (source) => source.createCollection('traffic') });
    await t.run();
    await using traffic = new Traffic(t.source);
    await t.caughtUp();
    await using witness = await Witness.open(t.destination);
    const first = await atWork(t);
    await first.signal('SIGKILL');
    const second = await waitFor(
      async () => {
        const worker = await atWork(t);
        return worker === first ? undefined : worker;
      },
      { what: 'the other worker with the leg', timeoutMs: 30_000 },
    );
    await began(second, 'pump');
    await traffic.stop();
    await t.caughtUp();
    await t.expectSame();
    expect(await witness.regressions('n')).toEqual([]);
  });

  it('one frozen in the middle of its work and thawed when the other has taken over: it writes nothing any more', async () => {
    await using t = await open({
      workers: 2,
      // The frozen worker takes workflow tasks too, one for each poll that it had open.
      workflowTaskTimeoutMs: 2000,
      seed: (source) => source.createCollection('traffic'),
    });
    await t.run();
    await using traffic = new Traffic(t.source);
    await t.caughtUp();
    await using witness = await Witness.open(t.destination);
    const frozen = await atWork(t);
    const epoch = (await t.status()).epoch;
    await frozen.signal('SIGSTOP');
    const successor = await waitFor(
      async () => {
        const worker = await atWork(t);
        return worker === frozen ? undefined : worker;
      },
      { what: 'a successor', timeoutMs: 30_000 },
    );
    await began(successor, 'pump');
    const frozenAt = traffic.written;
    await waitFor(
      async () =>
        (await t.destination.collection('traffic').countDocuments({ n: { $gt: frozenAt } })) > 0 ? true : undefined,
      { what: 'writes of the successor', timeoutMs: 30_000 },
    );
    await frozen.signal('SIGCONT');
    const last = await frozen.line((line) => line.includes('"leg.ended"') && line.includes(`"epoch":${epoch}`));
    expect(JSON.parse(last)).toMatchObject({ activity: 'pump', epoch });
    await traffic.stop();
    await t.caughtUp();
    await t.expectSame();
    expect(await witness.regressions('n')).toEqual([]);
  });
});
