import { BARE_LOOP, TRIBUTARY } from '../contenders/contender';
import { writer } from '../lab/writer';
import type { Workload } from '../load/workload';
import { measureBacklog, measureLive } from '../measure/throughput';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns, WARM_UP_CHANGES, WRONG } from './contenders';

const BACKLOG = 'changes per second, worked off';
const LIVE = 'events per second, followed';

export const hotKeys: Suite = {
  name: 'hot-keys',
  about: 'the same with 90 % of the changes to 100 keys, worked off and followed',
  method:
    'As `backlog` and then as `steady`, with 50,000 changes of which nine in ten go to 100 keys: 70 % replaces, 25 % updates, 5 % deletes. The stream may fold several changes of a key into one, which shows where it is behind; a follower is never further than the writer. The bare loop gets rows wrong: an unordered bulk of the driver runs deletes after replaces.',
  // Two rounds of one contender, and what the other one writes between them.
  history: 300_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    const changes = sizes.count(50_000, 500);
    const wrong = await inTurns(scope, sizes, async (contender, { warmUp, from }) => {
      const workload: Workload = { kind: 'hot', changes: warmUp ? Math.min(WARM_UP_CHANGES, changes) : changes, from };
      const backlog = await measureBacklog(contender, write, workload);
      const live = await measureLive(contender, write, { ...workload, from: from + changes });
      if (warmUp) return;
      figures
        .add(contender.name, BACKLOG, 'per second', backlog.perSecond)
        .add(contender.name, 'CPU seconds per 10,000, worked off', 'CPU s', backlog.cpuSecondsPer10k)
        .add(contender.name, LIVE, 'per second', live.perSecond)
        .add(contender.name, 'CPU seconds per 10,000, followed', 'CPU s', live.cpuSecondsPer10k);
    });
    figures.add(TRIBUTARY, WRONG, 'count', 0).add(BARE_LOOP, WRONG, 'count', wrong);
    return {
      figures: figures.all,
      aims: { [BACKLOG]: '≥ 1.5 × the bare loop' },
      notes: [`${changes.toLocaleString('en')} changes a round; ${TRIBUTARY} at default settings`],
    };
  },
};
