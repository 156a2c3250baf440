import { BARE_LOOP, TRIBUTARY } from '../contenders/contender';
import { writer } from '../lab/writer';
import { MemorySampler } from '../measure/memory';
import { measureLive } from '../measure/throughput';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns, WARM_UP_CHANGES, WRONG } from './contenders';

const RATE = 'events per second';
const CPU = 'CPU seconds per 10,000 events';

export const steady: Suite = {
  name: 'steady',
  about: 'one stream that follows a source at full speed, and its CPU, against a bare loop',
  method:
    '100,000 changes (70 % inserts, 25 % updates, 5 % deletes; documents of 300 bytes) are written as fast as the source takes them while the contender follows; timed from the first write to the arrival of the last change. CPU is that of the contender’s process alone.',
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const changes = sizes.count(100_000, 500);
    const wrong = await inTurns(scope, sizes, async (contender, { warmUp, from }) => {
      using memory = new MemorySampler(contender.pid);
      const count = warmUp ? Math.min(WARM_UP_CHANGES, changes) : changes;
      const { perSecond, cpuSecondsPer10k } = await measureLive(contender, write, {
        kind: 'mix',
        changes: count,
        from,
      });
      if (warmUp) return;
      figures
        .add(contender.name, RATE, 'per second', perSecond)
        .add(contender.name, CPU, 'CPU s', cpuSecondsPer10k)
        .add(contender.name, 'peak memory', 'MB', memory.peakMB);
    });
    figures.add(TRIBUTARY, WRONG, 'count', 0).add(BARE_LOOP, WRONG, 'count', wrong);
    return {
      figures: figures.all,
      aims: { [RATE]: '≥ 10,000 and ≥ 0.9 × the bare loop', [CPU]: '≤ 0.15' },
      notes: [`${changes.toLocaleString('en')} changes a round; ${TRIBUTARY} at default settings`],
    };
  },
};
