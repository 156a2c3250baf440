import { TRIBUTARY } from '../contenders/contender';
import type { Scope } from '../lab/scope';
import { writer } from '../lab/writer';
import type { BenchWorker } from '../lab/worker';
import { Arrivals } from '../measure/arrivals';
import { now, quantile } from '../measure/statistics';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { firstAfter, Flock } from './flock';

const WORKERS = 4;
const FEWEST_WORKERS = 2;
const PATIENCE_MS = 180_000;
/** Of the writes to one stream: what flows is seen so much later at most. */
const SECONDS_BETWEEN = 4;
/** Three workers can carry what four did, with room. */
const ROOM = 1.5;

export const fleet: Suite = {
  name: 'fleet',
  about: '200 streams over 4 workers, one of them drained, one killed: time until every stream flows again',
  method:
    '200 streams over four workers, one write every four seconds to each of them. One worker gets SIGTERM and is replaced, later one gets SIGKILL and is not. For each stream: the time from the signal to the arrival of its first row that was written after it.',
  once: true,
  history: 20_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const streams = sizes.count(200, 3);
    const count = Math.max(FEWEST_WORKERS, Math.min(WORKERS, Math.floor(streams / 2)));
    const queue = scope.unique('queue');
    const slots = Math.ceil((streams / (count - 1)) * ROOM);
    const start = (): Promise<BenchWorker> => scope.worker({ queue, slots });
    const workers = await Promise.all(Array.from({ length: count }, start));
    const flock = new Flock(scope, queue);
    const startSeconds = await flock.growTo(streams);
    scope.say(`  ${streams} streams follow`);

    const write = await writer(scope);
    await using arrivals = await Arrivals.watch(scope.servers.target);
    const settle = sizes.seconds(20, 2) * 1000;
    const writing = write.pace({ databases: flock.databases, perSecond: streams / SECONDS_BETWEEN, prefix: 'paced' });
    const calm = await flowing(scope, arrivals, streams, settle);

    const drainedAt = now();
    const [leaving, killed] = workers as [BenchWorker, BenchWorker];
    await leaving.drain();
    const drainSeconds = (now() - drainedAt) / 1000;
    await start();
    const drained = await allFlow(arrivals, streams, drainedAt);
    scope.say('  drained');

    const killedAt = now();
    await killed.kill();
    const rebalanced = await allFlow(arrivals, streams, killedAt);
    await write.stop();
    const written = await writing;
    await arrivals.reached(written, PATIENCE_MS);

    const worst = (times: readonly number[]): number => Math.max(...times) / 1000;
    figures
      .add(TRIBUTARY, 'streams', 'count', streams)
      .add(TRIBUTARY, 'workers', 'count', count)
      .add(TRIBUTARY, 'start of all streams', 's', startSeconds)
      .add(TRIBUTARY, 'lag p99 before', 'ms', quantile(calm, 0.99))
      .add(TRIBUTARY, 'SIGTERM: the worker has ended after', 's', drainSeconds)
      .add(TRIBUTARY, 'SIGTERM: every stream flows after', 's', worst(drained))
      .add(TRIBUTARY, 'SIGKILL: half of the streams flow after', 's', quantile(rebalanced, 0.5) / 1000)
      .add(TRIBUTARY, 'SIGKILL: every stream flows after', 's', worst(rebalanced))
      .add(TRIBUTARY, 'streams that starved', 'count', streams - rebalanced.length)
      .add(TRIBUTARY, 'rows that did not arrive', 'count', written - arrivals.all.length);
    return {
      figures: figures.all,
      aims: {
        'SIGKILL: every stream flows after': '< 60 s',
        'streams that starved': '0',
        'rows that did not arrive': '0',
      },
    };
  },
};

/** Lags of a calm while, in which every stream was seen. */
async function flowing(scope: Scope, arrivals: Arrivals, streams: number, forMs: number): Promise<number[]> {
  const since = now();
  await allFlow(arrivals, streams, since);
  await arrivals.until(() => now() - since > forMs || scope.signal.aborted, forMs);
  return arrivals.all.filter(({ sent }) => sent >= since).map(({ sent, at }) => at - sent);
}

/** The time of each stream that flows again, in ms; those that do not within the patience are missing. */
async function allFlow(arrivals: Arrivals, streams: number, since: number): Promise<number[]> {
  await arrivals.until(() => firstAfter(arrivals.all, since).size === streams, PATIENCE_MS);
  return [...firstAfter(arrivals.all, since).values()];
}
