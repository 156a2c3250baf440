import { TRIBUTARY } from '../contenders/contender';
import { writer } from '../lab/writer';
import { COUNTERS, PACED } from '../load/pace';
import { Arrivals } from '../measure/arrivals';
import { now, quantile } from '../measure/statistics';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { firstAfter } from './flock';

const PER_SECOND = 300;
const KEYS = 50;
const CALM_MS = 2_000;
const PATIENCE_MS = 120_000;

export const failover: Suite = {
  name: 'failover',
  about: 'the worker of a stream gets SIGKILL: when data flows again, and what is delivered twice',
  method:
    '300 inserts and 300 updates of counters a second; a second worker stands by. From SIGKILL to the arrival of the first row that was written after it. A change stream at the target counts what arrives a second time: a row again, or a counter at a value that it had before.',
  // Minutes of them: an embedded server reads all of it when a new worker takes over.
  history: 100_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const queue = scope.unique('queue');
    const database = scope.unique('stream');
    const source = scope.servers.source.db(database);
    for (const collection of [PACED, COUNTERS]) await source.createCollection(collection);
    let working = await scope.worker({ queue });
    await scope.stream({ id: database, queue, database });
    const write = await writer(scope);
    await using arrivals = await Arrivals.watch(scope.servers.target.db(database));
    const pace = { databases: [database], perSecond: PER_SECOND, prefix: 'paced', counters: KEYS };
    const writing = write.pace(pace);
    for (let round = 0; round < sizes.repetitions; round += 1) {
      const next = await scope.worker({ queue });
      const from = now() + CALM_MS;
      await arrivals.until(() => firstAfter(arrivals.all.slice(-100), from).size > 0, PATIENCE_MS);
      const before = arrivals.redelivered;
      const killedAt = now();
      await working.kill();
      const flows = (): number | undefined => firstAfter(arrivals.all, killedAt).get(database);
      if (!(await arrivals.until(() => flows() !== undefined, PATIENCE_MS))) throw new Error('nothing flows again');
      figures
        .add(TRIBUTARY, 'data flows again after', 's', (flows() ?? NaN) / 1000)
        .add(TRIBUTARY, 'redelivered changes', 'count', arrivals.redelivered - before);
      scope.say(`  killed: ${round + 1} of ${sizes.repetitions}`);
      working = next;
    }
    await write.stop();
    const written = await writing;
    await arrivals.reached(written, PATIENCE_MS);
    figures.add(TRIBUTARY, 'rows that did not arrive', 'count', written - arrivals.all.length).add(
      TRIBUTARY,
      'longest lag of a row',
      'ms',
      quantile(
        arrivals.all.map(({ sent, at }) => at - sent),
        1,
      ),
    );
    return {
      figures: figures.all,
      aims: { 'data flows again after': '< 12 s', 'redelivered changes': '0', 'rows that did not arrive': '0' },
    };
  },
};
