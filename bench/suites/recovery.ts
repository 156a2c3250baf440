import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from 'mongodb';
import type { StreamSettings } from '../lab/stream';
import type { Scope } from '../lab/scope';
import { writer } from '../lab/writer';
import { COUNTERS, PACED } from '../load/pace';
import { Arrivals } from '../measure/arrivals';
import { now } from '../measure/statistics';
import type { Sizes } from '../options';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';

interface Circumstance {
  readonly name: string;
  /** Of the worker that is killed and of the one that is started after it. */
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: NonNullable<StreamSettings['settings']>;
}

const CIRCUMSTANCES: readonly Circumstance[] = [
  { name: 'default settings' },
  { name: 'the same identity', env: { TRIBUTARY_WORKER_IDENTITY: 'bench-recovery' } },
  { name: 'failover: fast', settings: { advanced: { failover: 'fast' } } },
];

const PER_SECOND = 1_500;
const KEYS = 500;
const AWAY_MS = 1_000;
const IN_STEP_MS = 1_000;
/** What is calm for so long has told of itself in a heartbeat. */
const CALM_MS = 3_000;
const PATIENCE_MS = 120_000;

const FLOWS = 'data flows again after';
const IN_STEP = 'in step again after';
const REDELIVERED = 'redelivered changes';
const LOST = 'rows that did not arrive';
const COUNTERS_OFF = 'counters that differ at the end';

export const recovery: Suite = {
  name: 'recovery',
  about: 'the only worker gets SIGKILL at 3,000 changes/s and another is started: when data flows, when it is in step',
  method:
    '1,500 inserts and 1,500 updates of counters a second; the only worker gets SIGKILL, another one is started a second later. From SIGKILL to the arrival of the first row that was written after it, and to the first such row that arrives within a second of its writing. A change stream at the target counts what arrives a second time. In three circumstances: `default settings`; both workers under `the same identity` (`TRIBUTARY_WORKER_IDENTITY`); a stream with `advanced.failover: fast`.',
  // Half a minute of them: an embedded server reads all of it when a new worker takes over.
  history: 100_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const perSecond = sizes.count(PER_SECOND, 100);
    for (const circumstance of sizes.some(CIRCUMSTANCES)) {
      await underCircumstance(scope, sizes, circumstance, perSecond, figures);
    }
    return {
      figures: figures.all,
      aims: {
        [FLOWS]: '< 12 s; identity and fast < 5 s',
        [IN_STEP]: '< 20 s; identity and fast < 5 s',
        [REDELIVERED]: '0',
        [LOST]: '0',
        [COUNTERS_OFF]: '0',
      },
    };
  },
};

async function underCircumstance(
  scope: Scope,
  { repetitions }: Sizes,
  { name, env, settings }: Circumstance,
  perSecond: number,
  figures: Figures,
): Promise<void> {
  const queue = scope.unique('queue');
  const database = scope.unique('stream');
  const [source, target] = [scope.servers.source.db(database), scope.servers.target.db(database)];
  for (const collection of [PACED, COUNTERS]) await source.createCollection(collection);
  const start = () => scope.worker({ queue, ...(env && { env }) });
  let working = await start();
  const stream = await scope.stream({ id: database, queue, database, ...(settings && { settings }) });
  const write = await writer(scope);
  await using arrivals = await Arrivals.watch(target);
  const startedAt = now();
  const writing = write.pace({ databases: [database], perSecond, prefix: 'paced', counters: KEYS });
  for (let round = 1; round <= repetitions; round += 1) {
    const from = now() + CALM_MS;
    await expectArrival(arrivals, name, ({ sent, at }) => sent >= from && at - sent < IN_STEP_MS);
    const killedAt = now();
    await working.kill();
    // A row that was sent while the signal was on its way may still have been written by the worker that it ended.
    const deadAt = now();
    const flowing = expectArrival(arrivals, name, ({ sent }) => sent >= deadAt);
    const following = expectArrival(arrivals, name, ({ sent, at }) => sent >= deadAt && at - sent < IN_STEP_MS);
    const starting = sleep(AWAY_MS).then(start);
    const [flows, pastOverlap, next] = await Promise.all([flowing, following, starting]);
    figures
      .add(name, FLOWS, 's', (flows.at - killedAt) / 1000)
      .add(name, IN_STEP, 's', (pastOverlap.at - killedAt) / 1000);
    scope.say(`  ${name}: killed ${round} of ${repetitions}`);
    working = next;
  }
  await write.stop();
  const written = await writing;
  const seconds = (now() - startedAt) / 1000;
  await arrivals.reached(written, PATIENCE_MS);
  await stream.caughtUp();
  figures
    // Of each row one insert and one update of a counter.
    .add(name, 'changes written a second', 'per second', (2 * written) / seconds)
    .add(name, REDELIVERED, 'count', arrivals.redelivered)
    .add(name, LOST, 'count', written - arrivals.all.length)
    .add(name, COUNTERS_OFF, 'count', await countersOff(source, target));
  // Neither is to take part in what is measured next.
  await stream.stop();
  await working.kill();
}

async function expectArrival(arrivals: Arrivals, circumstance: string, asked: Parameters<Arrivals['first']>[0]) {
  const found = await arrivals.first(asked, PATIENCE_MS);
  if (found !== undefined) return found;
  const { sent, at } = arrivals.all.at(-1) ?? { sent: NaN, at: NaN };
  throw new Error(
    `${circumstance}: not in step after ${PATIENCE_MS / 1000} s; the last of ${arrivals.all.length} rows took ${Math.round(at - sent)} ms, and came ${Math.round(now() - at)} ms ago`,
  );
}

async function countersOff(source: Db, target: Db): Promise<number> {
  const [there, here] = await Promise.all([source, target].map(countersOf));
  return [...(there ?? [])].filter(([id, n]) => here?.get(id) !== n).length;
}

async function countersOf(db: Db): Promise<Map<unknown, unknown>> {
  const rows = await db.collection<{ _id: number; n: number }>(COUNTERS).find().toArray();
  return new Map(rows.map(({ _id, n }) => [_id, n]));
}
