import { writer } from '../lab/writer';
import { measureBacklog } from '../measure/throughput';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns, WARM_UP_CHANGES } from './contenders';

const RATE = 'changes per second';

export const backlog: Suite = {
  name: 'backlog',
  about: 'a stream that was paused works off 50,000 changes, against a bare loop',
  method:
    'The contender holds while 50,000 changes (as in `steady`) are written, then goes on; timed from its first to its last change at the target. The time from the order to go on to the first change is its own figure.',
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const changes = sizes.count(50_000, 500);
    await inTurns(scope, sizes, async (contender, { warmUp, from }) => {
      const count = warmUp ? Math.min(WARM_UP_CHANGES, changes) : changes;
      const measured = await measureBacklog(contender, write, { kind: 'mix', changes: count, from });
      if (warmUp) return;
      figures
        .add(contender.name, RATE, 'per second', measured.perSecond)
        .add(contender.name, 'CPU seconds per 10,000 changes', 'CPU s', measured.cpuSecondsPer10k)
        .add(contender.name, 'from going on to the first change', 'ms', measured.firstAfterMs);
    });
    return {
      figures: figures.all,
      aims: { [RATE]: '≥ 15,000' },
      notes: [`${changes.toLocaleString('en')} changes a round`],
    };
  },
};
