import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ScheduleNotFoundError } from '@temporalio/client';
import type { Applied } from '../../src/cli/apply/apply';
import type { Forgotten } from '../../src/cli/streams/forget';
import { verificationId } from '../../src/protocol/names';
import type { StreamView } from '../../src/protocol/stream-view';
import { jsonCli, runCli } from '../support/cli';
import { Pipeline } from '../support/pipeline';

interface Row {
  readonly _id: number;
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tributary-forget-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function open(): Promise<Pipeline & { readonly file: string }> {
  const t = await Pipeline.open({
    stream: { verification: { schedule: '24h' } },
    seed: async (db) => {
      await db.collection<Row>('orders').insertMany(Array.from({ length: 20 }, (_, _id) => ({ _id })));
      await db.collection('orders').createIndex({ _id: 1, n: 1 }, { unique: true }, {});
    },
  });
  const { stream } = t.spec;
  const file = join(directory, `${t.id}.json`);
  await writeFile(file, JSON.stringify({ version: '1', streams: [stream] }));
  const applied = await jsonCli<Applied>(t, 'apply', '-f', file);
  expect(applied.streams).toMatchObject([{ action: 'start', outcome: 'done' }]);
  await t.caughtUp();
  return Object.assign(t, { file });
}

const forget = (t: Pipeline, ...args: string[]) => runCli(t, 'streams', 'forget', t.id, ...args);
const scheduled = (t: Pipeline): Promise<boolean> =>
  t.client.schedule
    .getHandle(verificationId(t.id))
    .describe()
    .then(
      () => true,
      (error: unknown) => {
        if (error instanceof ScheduleNotFoundError) return false;
        throw error;
      },
    );

test('a stream is forgotten once it has ended, without its file and without a worker; its rows stay', async () => {
  await using t = await open();
  const running = await forget(t, '--yes');
  expect(running).toMatchObject({ status: 1, out: '' });
  expect(running.err).toContain(`tributary streams stop ${t.id}`);
  await jsonCli<StreamView>(t, 'streams', 'stop', t.id);
  await t.worker.signal('SIGTERM');

  const planned = await jsonCli<Forgotten>(t, 'streams', 'forget', t.id, '--dry-run');
  const kept = { namespaces: 1, schedules: 1, deadLetters: 0 };
  expect(planned).toMatchObject({ dryRun: true, removed: kept, heldIndexes: 1, historyInTemporal: true });
  expect(planned.targets).toEqual([`${t.destination.databaseName}.orders`]);
  expect(planned.removed.ledger).toBeGreaterThan(1);

  const unasked = await forget(t);
  expect(unasked).toMatchObject({ status: 2, out: '' });
  expect(unasked.err).toContain('add --yes');
  expect(await scheduled(t)).toBe(true);

  const done = await forget(t, '--yes');
  expect(done).toMatchObject({ status: 0, err: '' });
  expect(done.out).toMatch(/^ +schedules at Temporal +1$/mu);
  expect(done.out).toContain(`the rows at the destination: ${t.destination.databaseName}.orders`);
  expect(done.out.split('\n').every((line) => line.length <= 100)).toBe(true);
  expect(await scheduled(t)).toBe(false);
  expect(await t.destination.collection('orders').countDocuments()).toBe(20);

  const again = await jsonCli<Forgotten>(t, 'streams', 'forget', t.id, '--yes');
  expect(Object.values(again.removed)).toEqual(Object.values(again.removed).map(() => 0));
});

test('its id may be used again, by a stream that begins with a copy', async () => {
  await using t = await open();
  await jsonCli<StreamView>(t, 'streams', 'stop', t.id);
  expect((await forget(t, '-f', t.file, '--yes')).status).toBe(0);
  await t.destination.dropDatabase();
  await jsonCli<Applied>(t, 'apply', '-f', t.file);
  await t.caughtUp();
  await t.expectSame();
});

test('one that Temporal does not know is forgotten by its file', async () => {
  await using t = await Pipeline.open();
  const unknown = await forget(t, '--yes');
  expect(unknown).toMatchObject({ status: 1, out: '' });
  expect(unknown.err).toContain('-f');
  const file = join(directory, `${t.id}.json`);
  await writeFile(file, JSON.stringify({ version: '1', streams: [t.spec.stream] }));
  const done = await forget(t, '-f', file, '--yes');
  expect(done).toMatchObject({ status: 0, err: '' });
  expect(done.out).toContain(`nothing is kept of ${t.id}`);
});
