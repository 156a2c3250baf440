import { BARE_LOOP, TRIBUTARY, type Contender } from '../contenders/contender';
import type { Scope } from '../lab/scope';
import { writer } from '../lab/writer';
import type { Kind } from '../load/workload';
import { MemorySampler } from '../measure/memory';
import { measureLive } from '../measure/throughput';
import type { Sizes } from '../options';
import { Figures, type Aims, type Outcome } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns, WARM_UP_CHANGES } from './contenders';

const RATE = 'events per second';
const WRONG = 'rows too many or too few at the end';
const CPU = 'CPU seconds per 10,000 events';

export const steady: Suite = {
  name: 'steady',
  about: 'one stream that follows a source at full speed, and its CPU, against a bare loop',
  method:
    '100,000 changes (70 % inserts, 25 % updates, 5 % deletes; documents of 300 bytes) are written as fast as the source takes them while the contender follows; timed from the first write to the arrival of the last change. CPU is that of the contender’s process alone.',
  run: (scope, sizes) => live(scope, sizes, 'mix', { [RATE]: '≥ 10,000 and ≥ 0.9 × the bare loop', [CPU]: '≤ 0.15' }),
};

export const hotKeys: Suite = {
  name: 'hot-keys',
  about: 'the same with 90 % of the changes to 100 keys',
  method:
    'As `steady`, but nine of ten changes go to 100 keys: 70 % replaces, 25 % updates, 5 % deletes. The stream may fold several changes of a key into one. The bare loop gets rows wrong: an unordered bulk of the driver runs deletes after replaces.',
  run: (scope, sizes) => live(scope, sizes, 'hot', { [RATE]: '≥ 1.5 × the bare loop' }),
};

async function live(scope: Scope, sizes: Sizes, kind: Kind, aims: Aims): Promise<Outcome> {
  const figures = new Figures();
  const write = await writer(scope);
  const changes = sizes.count(100_000, 500);
  const wrong = await inTurns(scope, sizes, async (contender: Contender, { warmUp, from }) => {
    using memory = new MemorySampler(contender.pid);
    const count = warmUp ? Math.min(WARM_UP_CHANGES, changes) : changes;
    const { perSecond, cpuSecondsPer10k } = await measureLive(contender, write, { kind, changes: count, from });
    if (warmUp) return;
    figures
      .add(contender.name, RATE, 'per second', perSecond)
      .add(contender.name, CPU, 'CPU s', cpuSecondsPer10k)
      .add(contender.name, 'peak memory', 'MB', memory.peakMB);
  });
  figures.add(TRIBUTARY, WRONG, 'count', 0).add(BARE_LOOP, WRONG, 'count', wrong);
  return {
    figures: figures.all,
    aims,
    notes: [`${changes.toLocaleString('en')} changes a round; ${TRIBUTARY} at default settings`],
  };
}
