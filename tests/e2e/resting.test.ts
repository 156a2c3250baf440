import { waitFor } from '../../src/servers/wait';
import { Pipeline } from '../support/pipeline';
import { privateMongo } from '../support/servers';

const write = (t: Pipeline, from: number, count: number): Promise<unknown> =>
  t.source
    .collection<{ _id: number }>('orders')
    .insertMany(Array.from({ length: count }, (_, at) => ({ _id: from + at })));

const metric = (page: string, name: string, id: string): number | undefined => {
  const value = new RegExp(`^tributary_${name}\\{stream="${id}"[^}]*\\} (\\S+)$`, 'm').exec(page)?.[1];
  return value === undefined ? undefined : Number(value);
};

it('a running leg tells how far it is, and a paused stream how far behind, and that its history is lost', async () => {
  await using source = await privateMongo({ onlyEmbedded: true, oplogMaxEntries: 400 });
  await using t = await Pipeline.open({
    sourceUri: source.uri,
    stream: { advanced: { status_interval: '1s' } },
    seed: (db) => db.collection<{ _id: number }>('orders').insertOne({ _id: 0 }),
  });
  await t.run();
  // The window of a log that was begun with this test is no cause for alarm.
  const young = await t.until('a look at the window', ({ windowSeconds, live }) => live || windowSeconds !== null);
  expect(young.windowAtLeast || young.windowSeconds === null).toBe(true);
  expect(t.worker.logged('window.short')).toEqual([]);

  // The first leg lasts for many seconds more.
  const { legs } = await t.status();
  await write(t, 1, 20);
  const live = await t.until('the leg tells', (view) => view.live && view.totals.applied >= 20);
  expect(live).toMatchObject({ status: 'replicating', progress: { totals: expect.any(Object) as object } });
  expect(live.progress).not.toHaveProperty('position');
  expect(live.legs).toBeLessThanOrEqual(legs + 1);

  const paused = await t.pause();
  expect(paused).toMatchObject({ status: 'paused', live: false });
  await write(t, 100, 20);
  const behind = await t.until('a lag while paused', ({ lagMs }) => (lagMs ?? 0) >= 1_000);
  expect(behind).toMatchObject({ status: 'paused', sourceProblem: null });
  expect(Date.parse(behind.asOf ?? '')).toBeGreaterThan(Date.parse(paused.asOf ?? ''));
  const page = await t.metrics();
  expect(page).toContain(`status="paused"} 1`);
  expect(metric(page, 'lag_seconds', t.id)).toBeGreaterThanOrEqual(1);

  await write(t, 1_000, 2_000);
  const lost = await t.until('lost history', ({ sourceProblem }) => sourceProblem?.code === 'history_lost');
  expect(lost).toMatchObject({ status: 'paused', windowSeconds: 0, windowAtLeast: false, failures: 0 });
  await waitFor(
    async () => (metric(await t.metrics(), 'position_window_remaining_seconds', t.id) === 0 ? true : undefined),
    { what: 'a window of 0', timeoutMs: 30_000 },
  );
  expect(t.worker.logged('history.lost')[0]).toMatchObject({ stream: t.id, code: 'history_lost' });
  await t.resume();
  await t.needsAttention('history_lost');
});
