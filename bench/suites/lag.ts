import { TRIBUTARY, type Contender } from '../contenders/contender';
import { writer, type Writer } from '../lab/writer';
import { measureLag } from '../measure/lag';
import { distribution, median, quantile } from '../measure/statistics';
import { measureLive } from '../measure/throughput';
import type { Sizes } from '../options';
import { Figures, type Line } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns, WARM_UP_CHANGES } from './contenders';

interface Rate {
  readonly name: string;
  readonly perSecond: number;
  readonly seconds: number;
}

const HALF = '50 % of the maximum rate';

export const lag: Suite = {
  name: 'lag',
  about: 'write to visible at 50 and 500 writes/s and at half of the maximum rate, against a bare loop',
  method:
    'Inserts at a steady pace, from a process of their own; from the sending of each write to its event in a change stream of the target, the first second left out. The maximum rate is that of the product in the same run, measured as in `steady`; the bare loop gets the same number of writes. Settings are the defaults that `steady` and `backlog` run at.',
  // What comes while a contender holds is as much as the machine is fast.
  history: 300_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const samples = new Map<string, number[]>();
    const maximum: number[] = [];
    await inTurns(scope, sizes, async (contender, { number, warmUp, from }) => {
      if (warmUp || contender.name === TRIBUTARY) {
        const perSecond = await maximumRate(contender, write, sizes, from);
        if (!warmUp) maximum.push(perSecond);
      }
      if (warmUp) return;
      for (const { name, perSecond, seconds } of rates(sizes, median(maximum))) {
        const prefix = `r${number}-${perSecond}`;
        const lags = await measureLag(contender, write, { perSecond, seconds, prefix });
        figures
          .add(contender.name, `p50 at ${name}`, 'ms', quantile(lags, 0.5))
          .add(contender.name, `p99 at ${name}`, 'ms', quantile(lags, 0.99));
        const line = `${contender.name}, ${name}`;
        samples.set(line, [...(samples.get(line) ?? []), ...lags]);
      }
    });
    figures.add(TRIBUTARY, 'maximum rate', 'per second', ...maximum);
    const lines: Line[] = [...samples].map(([name, lags]) => ({ name, points: distribution(lags) }));
    return {
      figures: figures.all,
      aims: {
        'p50 at 50 writes/s': '< 10 ms',
        'p99 at 50 writes/s': '< 25 ms',
        'p50 at 500 writes/s': '< 10 ms',
        'p99 at 500 writes/s': '< 25 ms',
        [`p50 at ${HALF}`]: '< 30 ms',
        [`p99 at ${HALF}`]: '< 150 ms',
      },
      charts: [
        {
          name: 'lag',
          title: 'Lag from write to visible',
          x: { label: 'share of the writes, %', scale: 'linear' },
          y: { label: 'visible within, ms', scale: 'log' },
          lines,
        },
      ],
    };
  },
};

const rates = (sizes: Sizes, maximum: number): Rate[] => [
  { name: '50 writes/s', perSecond: 50, seconds: sizes.seconds(20, 1) },
  { name: '500 writes/s', perSecond: 500, seconds: sizes.seconds(10, 1) },
  { name: HALF, perSecond: Math.max(1, Math.round(maximum / 2)), seconds: sizes.seconds(5, 1) },
];

async function maximumRate(contender: Contender, write: Writer, sizes: Sizes, from: number): Promise<number> {
  const changes = sizes.count(5 * WARM_UP_CHANGES, 500);
  return (await measureLive(contender, write, { kind: 'mix', changes, from })).perSecond;
}
