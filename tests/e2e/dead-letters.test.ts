import type { Replayed } from '../../src/cli/dead-letters/replay';
import type { ShownDeadLetter } from '../../src/cli/dead-letters/shown';
import { replayId } from '../../src/protocol/names';
import type { DeadLetterSummary } from '../../src/core/model/dead-letter';
import { waitFor } from '../../src/servers/wait';
import { jsonCli, runCli } from '../support/cli';
import { Pipeline } from '../support/pipeline';

const json = <T>(t: Pipeline, ...args: string[]): Promise<T> => jsonCli(t, 'dead-letters', ...args, '--stream', t.id);

interface Row {
  readonly _id: number;
  readonly only: number;
  readonly secret?: string;
}

const BLOCKER = -1;

const rows = (t: Pipeline, side: 'source' | 'destination', name = 'orders') => t[side].collection<Row>(name);

/** The destination takes no row of these: each has the same `only` as one that stands there already. */
async function refuse(t: Pipeline, name = 'orders'): Promise<void> {
  await rows(t, 'destination', name).insertOne({ _id: BLOCKER, only: 1 });
  await rows(t, 'destination', name).createIndex({ only: 1 }, { unique: true }, {});
}

async function allow(t: Pipeline): Promise<void> {
  await rows(t, 'destination').dropIndex('only_1');
  await rows(t, 'destination').deleteOne({ _id: BLOCKER });
}

const open = () =>
  Pipeline.open({
    stream: { error_handling: { on_error: 'dead_letter' } },
    seed: async (source) => {
      await source.createCollection('orders');
      await source.createCollection('customers');
    },
  });

const lettersOf = (t: Pipeline, count: number, ...filter: string[]) =>
  waitFor(
    async () => {
      const found = await json<DeadLetterSummary[]>(t, 'list', ...filter);
      return found.length === count ? found : undefined;
    },
    { what: `${count} dead letters`, timeoutMs: 30_000 },
  );

test('dead letters are listed without data, shown with it, replayed to what the source has by now, and dropped', async () => {
  await using t = await open();
  await t.run();
  await Promise.all([refuse(t), refuse(t, 'customers')]);
  await rows(t, 'source').insertMany([
    { _id: 1, only: 1, secret: 'alpha' },
    { _id: 2, only: 1, secret: 'beta' },
    { _id: 3, only: 1 },
  ]);
  await rows(t, 'source', 'customers').insertOne({ _id: 7, only: 1 });
  await t.caughtUp();
  const letters = await lettersOf(t, 4);
  expect(JSON.stringify(letters)).not.toMatch(/alpha|beta/);
  const { databaseName } = t.source;
  const customers = ['--namespace', `${databaseName}.customers`];
  const [customer] = await lettersOf(t, 1, ...customers);
  expect(customer).toMatchObject({ code: 'duplicate_key', op: 'insert', state: 'open', kept: true });
  await lettersOf(t, 4, '--reason', 'duplicate_key');
  await lettersOf(t, 0, '--reason', 'too_large');

  const shown = await Promise.all(letters.map(({ id }) => json<ShownDeadLetter>(t, 'show', id, '--canonical')));
  const first = shown.find(({ row }) => (row as Row).secret === 'alpha')!;
  expect(first).toMatchObject({ namespace: `${databaseName}.orders`, key: { _id: { $numberInt: '1' } } });
  expect((await runCli(t, 'dead-letters', 'show', 'nothing', '--stream', t.id)).status).toBe(1);

  // Refused again: still open, tried once more.
  const again = await runCli(t, 'dead-letters', 'replay', first.id, '--stream', t.id, '--format', 'json');
  expect(again.status).toBe(1);
  expect(JSON.parse(again.out)).toMatchObject({ letters: 1, superseded: 0, refused: 1 });
  expect((await lettersOf(t, 4)).find(({ id }) => id === first.id)?.attempts).toBeGreaterThan(first.attempts);

  // What is replayed is the row as the source has it by now.
  await allow(t);
  await rows(t, 'source').updateOne({ _id: 2 }, { $set: { secret: 'newer' } });
  await rows(t, 'source').deleteOne({ _id: 3 });
  await t.caughtUp();
  const replayed = await json<Replayed>(t, 'replay', '--namespace', `${databaseName}.orders`);
  expect(replayed).toMatchObject({ stream: t.id, refused: 0, untouched: 0 });
  expect(await rows(t, 'destination').find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: 1, only: 1, secret: 'alpha' },
    { _id: 2, only: 1, secret: 'newer' },
  ]);
  await lettersOf(t, 1);
  expect(await json<Replayed>(t, 'replay', '--namespace', `${databaseName}.orders`)).toMatchObject({ letters: 0 });

  const unasked = await runCli(t, 'dead-letters', 'drop', '--stream', t.id);
  expect(unasked).toMatchObject({ status: 2, out: '' });
  expect(unasked.err).toContain('1 dead letters');
  expect(await json(t, 'drop', ...customers, '--yes')).toEqual({ stream: t.id, dropped: 1 });
  await lettersOf(t, 0);
  expect((await lettersOf(t, 1, '--state', 'dropped'))[0]?.id).toBe(customer!.id);
});

test('a replay outlives the worker that ran it, and none begins while the stream does not move', async () => {
  await using t = await open();
  await t.run();
  await refuse(t);
  await rows(t, 'source').insertMany(Array.from({ length: 30 }, (_, _id) => ({ _id, only: 1 })));
  await t.caughtUp();
  await lettersOf(t, 30);

  await t.pause();
  const refused = await runCli(t, 'dead-letters', 'replay', '--stream', t.id);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain(`streams resume ${t.id}`);
  await t.resume();

  await allow(t);
  const replaying = json<Replayed>(t, 'replay');
  const replay = t.client.workflow.getHandle(replayId(t.id));
  await waitFor(
    () =>
      replay.describe().then(
        ({ workflowId }) => workflowId,
        () => undefined,
      ),
    {
      what: 'the replay',
      timeoutMs: 10_000,
    },
  );
  await t.replaceWorker('SIGKILL');
  expect(await replaying).toMatchObject({ refused: 0, untouched: 0 });
  await lettersOf(t, 0);
  await t.expectSame();
});
