import { positionQuery } from '../../src/protocol/stream-messages';
import type { Position } from '../../src/core/model/position';
import { waitFor } from '../../src/servers/wait';
import { Pipeline } from '../support/pipeline';
import { LEDGER } from '../support/records';
import { privateTemporal } from '../support/servers';

/** Its resume token has two hexadecimal digits for each byte: more than Temporal takes in one payload. */
const KEY = 'k'.repeat(1024 * 1024);
/** What Temporal is to carry of any position. */
const POSITION_BYTES = 4 * 1024;

const open = (temporal?: { readonly address: string; readonly namespace: string }): Promise<Pipeline> =>
  Pipeline.open({
    ...(temporal && { temporal }),
    seed: (source) => source.createCollection('rows'),
    stream: { advanced: { status_interval: '1s' } },
  });

const positionOf = (t: Pipeline): Promise<Position | null> => t.handle.query(positionQuery);

const isReference = (position: Position | null): boolean =>
  typeof position?.token === 'object' && position.token !== null && 'ledger' in position.token;

let written = 0;
/** One more change of the row with the large key. */
async function change(t: Pipeline): Promise<void> {
  written += 1;
  await t.source.collection('rows').updateOne({ _id: KEY as never }, { $set: { n: written } }, { upsert: true });
}

/** Pauses the stream at a change of the large row. Only while the row changes: silence moves it on to a position without a key. */
async function pausedAtLargeKey(t: Pipeline): Promise<Position> {
  return waitFor(
    async () => {
      const paused = new AbortController();
      const changing = async (): Promise<void> => {
        while (!paused.signal.aborted) await change(t);
      };
      await Promise.all([t.pause().finally(() => paused.abort()), changing()]);
      const position = await positionOf(t);
      if (position !== null && isReference(position)) return position;
      await t.resume();
      return undefined;
    },
    { what: 'a pause at a change of the large key', timeoutMs: 60_000 },
  );
}

test('a row whose key has 1 MB is inserted, changed and deleted, over pauses, lost workers and new runs', async () => {
  // Every few legs begin a new run.
  await using temporal = await privateTemporal({ dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 60 } });
  await using t = await open(temporal);
  await t.run();
  const { runId } = await t.handle.describe();
  await change(t);
  await t.caughtUp();
  await t.expectSame();

  const position = await pausedAtLargeKey(t);
  expect(Buffer.byteLength(JSON.stringify(position))).toBeLessThan(POSITION_BYTES);
  // The source can still be asked about the position, which only the ledger has.
  const { asOf } = await t.status();
  const inspected = await t.until('the position was inspected', (view) => view.asOf !== asOf);
  expect(inspected).toMatchObject({ status: 'paused', sourceProblem: null });
  await change(t);
  await t.resume();
  await t.caughtUp();
  await t.expectSame();

  await pausedAtLargeKey(t);
  await change(t);
  await t.resume();
  await t.replaceWorker('SIGKILL');
  await change(t);
  await t.caughtUp();
  await t.replaceWorker('SIGTERM');
  await change(t);
  await t.caughtUp();
  await t.expectSame();

  await waitFor(
    async () => {
      await pausedAtLargeKey(t);
      await t.resume();
      return (await t.handle.describe()).runId === runId ? undefined : true;
    },
    { what: 'a new run', timeoutMs: 60_000 },
  );
  await t.source.collection('rows').deleteOne({ _id: KEY as never });
  await t.caughtUp();
  expect(await t.destination.collection('rows').countDocuments()).toBe(0);
  const { failure } = await t.status();
  expect([null, 'worker_lost']).toContain(failure?.code ?? null);
});

test('a ledger that was restored from before a change of a key of 1 MB is noticed', async () => {
  await using t = await open();
  await t.run();
  const earlier = await pausedAtLargeKey(t);
  const ledger = t.destination.client.db(LEDGER).collection<{ _id: string }>('ledger');
  const before = await ledger.findOne({ _id: t.id });
  await t.resume();
  await t.caughtUp();
  expect(await pausedAtLargeKey(t)).not.toEqual(earlier);
  await ledger.replaceOne({ _id: t.id }, before as object);
  await t.resume();
  const { failure } = await t.needsAttention('destination_behind');
  expect(failure?.message.length).toBeLessThan(500);

  await t.restart();
  await t.caughtUp();
  await t.expectSame();
});
