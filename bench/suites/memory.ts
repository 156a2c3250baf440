import { TRIBUTARY } from '../contenders/contender';
import { tributary } from '../contenders/tributary';
import { writer } from '../lab/writer';
import { MemorySampler } from '../measure/memory';
import { drain, expectSame } from '../measure/throughput';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';

export const memory: Suite = {
  name: 'memory',
  about: 'memory over time of a stream that is 3,000,000 changes behind',
  method:
    'A paused stream falls 3,000,000 changes behind (as in `steady`; the source’s history holds them), then goes on; the resident memory of its worker is sampled until it has caught up. An embedded source needs more than 22 GB for so many; with less memory take `--scale 0.7`.',
  once: true,
  history: 4_000_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const contender = await tributary(scope);
    const workload = { kind: 'mix', changes: sizes.count(3_000_000, 2_000), from: 1 } as const;
    await contender.hold();
    await write.changes(contender.source.databaseName, workload);
    scope.say(`  ${workload.changes.toLocaleString('en')} changes behind`);
    using sampler = new MemorySampler(contender.pid, 200);
    const { perSecond } = await drain(contender, workload);
    await expectSame(contender);
    figures
      .add(TRIBUTARY, 'peak memory', 'MB', sampler.peakMB)
      .add(TRIBUTARY, 'memory, first tenth', 'MB', sampler.meanMB(0, 0.1))
      .add(TRIBUTARY, 'memory, half-way', 'MB', sampler.meanMB(0.45, 0.55))
      .add(TRIBUTARY, 'memory, last tenth', 'MB', sampler.meanMB(0.9, 1))
      .add(TRIBUTARY, 'changes per second', 'per second', perSecond);
    return {
      figures: figures.all,
      aims: { 'peak memory': '< 512 MB', 'memory, last tenth': 'as half-way' },
      charts: [
        {
          name: 'memory',
          title: `Memory while ${workload.changes.toLocaleString('en')} changes are worked off`,
          x: { label: 'seconds', scale: 'linear' },
          y: { label: 'resident memory, MB', scale: 'linear' },
          lines: [{ name: TRIBUTARY, points: sampler.thinned() }],
        },
      ],
    };
  },
};
