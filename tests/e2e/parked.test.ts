import type { StreamReport } from '../../src/cli/streams/report';
import type { StreamView } from '../../src/protocol/stream-view';
import { waitFor } from '../../src/servers/wait';
import { jsonCli, runCli } from '../support/cli';
import { Pipeline } from '../support/pipeline';

test('a parked namespace is shown with its remedy wherever people look, and comes back by its name', async () => {
  await using t = await Pipeline.open({
    seed: async (source) => {
      await source.collection<{ _id: number }>('orders').insertOne({ _id: 1 });
      await source.collection<{ _id: number }>('customers').insertOne({ _id: 1 });
    },
  });
  // What stands at the target is no collection.
  await t.destination.createCollection('customers', { viewOn: 'elsewhere', pipeline: [] });
  await t.start();
  const namespace = `${t.source.databaseName}.customers`;
  const { view } = await waitFor(
    async () => {
      const report = await jsonCli<StreamReport>(t, 'streams', 'status', t.id);
      return report.view?.parkedCount === 1 && report.status === 'replicating' ? report : undefined;
    },
    { what: 'a parked namespace', timeoutMs: 60_000 },
  );
  expect(view!.parked).toMatchObject([{ namespace }]);
  expect((await runCli(t, 'streams', 'status', t.id)).out).toContain(`streams resume ${t.id} --namespace`);
  // The columns of other streams may leave it two lines.
  expect((await runCli(t, 'streams', 'list')).out).toMatch(/\(1\s[^]*parked\)/u);

  // The others go on, and its gauges are those of the running leg.
  await t.source.collection<{ _id: number }>('orders').insertOne({ _id: 2 });
  await t.caughtUp();
  expect(await t.destination.collection('orders').countDocuments()).toBe(2);
  const page = await waitFor(
    async () => {
      const text = await t.metrics();
      return /^tributary_position_window_(remaining|at_least)_seconds\{.*\} \d/m.test(text) ? text : undefined;
    },
    { what: 'the history window', timeoutMs: 60_000 },
  );
  expect(page).toMatch(new RegExp(`^tributary_parked_namespaces\\{stream="${t.id}",.*\\} 1$`, 'm'));
  const told = await jsonCli<StreamReport>(t, 'streams', 'status', t.id);
  expect(told.view).toMatchObject({
    windowSeconds: expect.any(Number) as number,
    windowAtLeast: expect.any(Boolean) as boolean,
    windowWarningSeconds: 3_600,
  });

  const unknown = await runCli(t, 'streams', 'resume', t.id, '--namespace', `${t.source.databaseName}.orders`);
  expect(unknown).toMatchObject({ status: 1, out: '' });
  await t.destination.collection('customers').drop();
  await jsonCli<StreamView>(t, 'streams', 'resume', t.id, '--namespace', namespace);
  await t.until('nothing parked', ({ parkedCount }) => parkedCount === 0);
  await t.source.collection<{ _id: number }>('customers').insertOne({ _id: 2 });
  await t.caughtUp();
  await t.expectSame();
});
