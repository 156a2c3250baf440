import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Double, type Document } from 'mongodb';
import type { Verified } from '../../src/cli/commands/verify';
import { verificationId } from '../../src/protocol/names';
import { progressQuery } from '../../src/protocol/verification-messages';
import { waitFor } from '../../src/servers/wait';
import { Pipeline, type PipelineOptions } from '../support/pipeline';

interface Row extends Document {
  _id: number | string;
}

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** More than are settled at a time. */
const ROWS = 1_100;
/** Leaves most of the machine to what is tested. */
const PACE_MS = 15;
const STARTER = join(process.env['TRIBUTARY_TEST_DIST'] ?? join(__dirname, '..', '..', 'dist'), 'starter.js');

/** A stream that is level with its source, and the command line. */
async function open(options: Partial<PipelineOptions> = {}): Promise<Pipeline> {
  const t = await Pipeline.open({
    seed: async (db) => {
      await db
        .collection<Row>('orders')
        .insertMany(Array.from({ length: ROWS }, (_, _id) => ({ _id, n: 1, text: 'a' })));
      await db.collection<Row>('orders').createIndex({ n: 1 });
      await db.collection<Row>('users').insertMany([{ _id: 'a' }, { _id: 'b' }]);
      await db.collection<Row>('notes').insertOne({ _id: 1 });
    },
    ...options,
  });
  await t.run();
  return t;
}

const cli = (t: Pipeline, ...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const env = { ...process.env, ...t.workerEnv };
    execFile(process.execPath, [STARTER, ...args], { env }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code), out, err });
    });
  });

async function verify(t: Pipeline, ...args: readonly string[]): Promise<Verified & { readonly exit: number }> {
  const { status, out, err } = await cli(t, 'verify', t.id, '--json', ...args);
  if (out === '') throw new Error(err);
  return { ...(JSON.parse(out) as Verified), exit: status };
}

/** Writes to the source until it is disposed, to rows that every test leaves alone. */
function load(t: Pipeline): AsyncDisposable {
  const stop = new AbortController();
  const orders = t.source.collection<Row>('orders');
  const running = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) {
      await orders.updateMany({ _id: { $gte: 1_000, $lt: 1_020 } }, { $inc: { n: 1 } });
      await orders.insertOne({ _id: 10_000 + n, n: 1 });
      if (n % 2 === 1) await orders.deleteOne({ _id: 10_000 + n });
      await delay(PACE_MS);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

/** How many differences the worker has counted, by their kind. */
async function counted(t: Pipeline): Promise<Record<string, number>> {
  const lines = (await t.metrics()).matchAll(/^tributary_verification_differences_total\{.*kind="(\w+)"\} (\d+)$/gmu);
  return Object.fromEntries(Array.from(lines, ([, kind = '', count]): [string, number] => [kind, Number(count)]));
}

describe('tributary verify', () => {
  it('says identical of a stream under load, and what differs, by key; a repair makes both sides the same', async () => {
    await using t = await open();
    const orders = t.destination.collection<Row>('orders');
    {
      await using _load = load(t);
      await orders.updateOne({ _id: 10 }, { $set: { text: 'b' } });
      await orders.updateOne({ _id: 20 }, { $set: { n: new Double(1) } });
      await orders.deleteOne({ _id: 30 });
      await orders.insertOne({ _id: 'extra' });
      const found = await verify(t);
      expect(found).toMatchObject({
        exit: 1,
        verdict: 'different',
        findings: { damaged: { different: 2, missing: 1, extra: 1 } },
      });
      expect(
        found.keys
          ?.filter(({ state }) => state === 'damaged')
          .map(({ key, difference }) => `${difference} ${key}`)
          .sort(),
      ).toEqual([
        'different {"$numberInt":"10"}',
        'different {"$numberInt":"20"}',
        'extra "extra"',
        'missing {"$numberInt":"30"}',
      ]);
      expect(await counted(t)).toEqual({ different: 2, missing: 1, extra: 1 });
      const repaired = await verify(t, '--repair');
      expect(repaired).toMatchObject({ findings: { damaged: { different: 0, missing: 0, extra: 0 } }, repaired: 4 });
      // What a repair mends is damage all the same.
      expect(await counted(t)).toEqual({ different: 4, missing: 2, extra: 2 });
    }
    await t.caughtUp();
    const after = await verify(t);
    expect(after).toMatchObject({ exit: 0, verdict: 'identical', gaps: [], keys: [] });
    expect(after.findings.sourceRows).toBe(after.findings.destinationRows);
    expect(after.findings.sourceRows).toBeGreaterThan(ROWS);
    await t.expectSame();
  });

  it('compares indexes, options and what is there at all, and never calls an empty destination identical', async () => {
    await using t = await open();
    // At rest, because the stream itself would notice what is gone, and copy it again.
    await t.pause();
    await t.destination.collection('orders').dropIndex('n_1');
    await t.destination.command({ collMod: 'users', validator: { a: { $exists: false } } });
    await t.destination.collection('notes').drop();
    const found = await verify(t);
    expect(found).toMatchObject({ exit: 1, verdict: 'different', findings: { damaged: { missing: 1 } } });
    expect(
      found.layout
        .filter(({ severity }) => severity === 'error')
        .map(({ code }) => code)
        .sort(),
    ).toEqual(['index_missing', 'options_differ', 'target_missing']);
    await t.destination.dropDatabase();
    const empty = await verify(t, '--limit', '3');
    expect(empty).toMatchObject({ exit: 1, verdict: 'different', findings: { damaged: { missing: ROWS + 3 } } });
    expect(empty.keys).toHaveLength(3);
    const none = await verify(t, '--namespaces', 'no.such*');
    expect(none).toMatchObject({ exit: 2, verdict: 'incomplete', namespaces: 0 });
  });

  it('proves nothing about what a stream at rest has not passed, and says so', async () => {
    await using t = await open();
    await t.pause();
    await t.source.collection<Row>('orders').insertOne({ _id: 'later' });
    await t.destination.collection<Row>('users').deleteOne({ _id: 'a' });
    const orders = await verify(t, '--namespaces', 'orders');
    expect(orders).toMatchObject({
      exit: 2,
      verdict: 'incomplete',
      findings: { unsettled: 1, damaged: { missing: 0 } },
    });
    expect(await verify(t, '--namespaces', 'users')).toMatchObject({ exit: 1, findings: { damaged: { missing: 1 } } });
    expect(await verify(t, '--namespaces', 'notes')).toMatchObject({ exit: 0, verdict: 'identical' });
  });

  it('goes on in the middle when its worker dies, and ends cleanly when it is stopped', async () => {
    await using t = await open();
    await t.destination.collection<Row>('orders').deleteOne({ _id: ROWS - 1 });
    const started = await cli(t, 'verify', t.id, '--detach', '--rows-per-second', '300');
    expect(started.status).toBe(0);
    const handle = t.client.workflow.getHandle(verificationId(t.id));
    const pending = async () => (await handle.describe()).raw.pendingActivities ?? [];
    await waitFor(
      async () => (await pending()).some(({ activityType }) => activityType?.name === 'compareRows') || undefined,
      {
        what: 'rows are compared',
        timeoutMs: 30_000,
      },
    );
    await t.replaceWorker('SIGKILL');
    const { exit, ...view } = await verify(t);
    expect(exit).toBe(1);
    expect(view).toMatchObject({ verdict: 'different', findings: { sourceRows: ROWS + 3, damaged: { missing: 1 } } });

    await cli(t, 'verify', t.id, '--detach', '--rows-per-second', '20');
    await waitFor(async () => ((await handle.query(progressQuery)).phase === 'compare' ? true : undefined), {
      what: 'rows are compared again',
      timeoutMs: 30_000,
    });
    expect((await cli(t, 'verify', t.id, '--status')).status).toBe(0);
    const stopped = await cli(t, 'verify', t.id, '--stop', '--json');
    expect(JSON.parse(stopped.out)).toMatchObject({
      verdict: 'incomplete',
      gaps: expect.arrayContaining(['it was stopped']) as unknown,
    });
    const { status, err } = await cli(t, 'verify', t.id, '--status');
    expect([status, err]).toEqual([2, expect.stringContaining('it was stopped')]);
  });

  it('keeps keys and rows out of history', async () => {
    await using t = await open();
    await t.destination.collection<Row>('users').insertOne({ _id: 'canary-key', text: 'canary-row' });
    const { keys } = await verify(t);
    expect(JSON.stringify(keys)).toContain('canary-key');
    const history = JSON.stringify(await t.client.workflow.getHandle(verificationId(t.id)).fetchHistory());
    expect(Buffer.from(history).includes('canary')).toBe(false);
    expect(history).not.toContain(Buffer.from('canary-key').toString('base64').slice(0, 10));
    expect(t.everyLine.join('\n')).not.toContain('canary');
  });
});
