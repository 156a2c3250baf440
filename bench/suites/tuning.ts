import { TRIBUTARY } from '../contenders/contender';
import { tributary } from '../contenders/tributary';
import { writer } from '../lab/writer';
import { drain } from '../measure/throughput';
import { median } from '../measure/statistics';
import { Figures, type Chart, type Line } from '../report/outcome';
import type { Suite } from '../suite';
import { WARM_UP_CHANGES } from './contenders';

const BATCH_SIZES = [100, 300, 1000, 3000];
const LANES = [1, 2, 4, 8];
const DEFAULTS = { batchSize: 1000, lanes: 4 };
const KEYS_PER_ROUND = 10_000_000;

interface Setting {
  readonly batchSize: number;
  readonly lanes: number;
}

export const tuning: Suite = {
  name: 'tuning',
  about: 'throughput of a backlog against batch size and number of lanes',
  method:
    'As `backlog`, without a contender: each setting is put in force by a reconfigure while the stream is paused. One of the two settings changes, the other one stays at its default (batches of 1,000; four lanes).',
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const contender = await tributary(scope);
    const database = contender.source.databaseName;
    const changes = sizes.count(50_000, 500);
    let from = 0;
    const measure = async ({ batchSize, lanes }: Setting, count: number): Promise<number> => {
      const workload = { kind: 'mix', changes: count, from: (from += KEYS_PER_ROUND) } as const;
      await contender.hold();
      await contender.stream.reconfigure({ settings: { batch_size: batchSize }, lanes });
      await write.changes(database, workload);
      return (await drain(contender, workload)).perSecond;
    };
    await measure(DEFAULTS, Math.min(WARM_UP_CHANGES, changes));
    const line = async (settings: readonly Setting[], name: (s: Setting) => string, x: (s: Setting) => number) => {
      const points: [number, number][] = [];
      for (const setting of settings) {
        const values: number[] = [];
        for (let round = 0; round < sizes.repetitions; round += 1) values.push(await measure(setting, changes));
        figures.add(TRIBUTARY, name(setting), 'per second', ...values);
        points.push([x(setting), median(values)]);
        scope.say(`  ${name(setting)}`);
      }
      return { name: TRIBUTARY, points };
    };
    const batches = await line(
      sizes.some(BATCH_SIZES).map((batchSize) => ({ ...DEFAULTS, batchSize })),
      ({ batchSize }) => `batches of ${batchSize.toLocaleString('en')}`,
      ({ batchSize }) => batchSize,
    );
    const lanes = await line(
      sizes.some(LANES).map((count) => ({ ...DEFAULTS, lanes: count })),
      ({ lanes: count }) => `${count} ${count === 1 ? 'lane' : 'lanes'}`,
      (setting) => setting.lanes,
    );
    return {
      figures: figures.all,
      charts: [
        chart('batch-size', 'Throughput against batch size', 'changes in a batch at most', batches),
        chart('lanes', 'Throughput against lanes', 'lanes', lanes),
      ],
    };
  },
};

const chart = (name: string, title: string, label: string, line: Line): Chart => ({
  name,
  title,
  x: { label, scale: 'log' },
  y: { label: 'changes per second', scale: 'linear' },
  lines: [line],
});
