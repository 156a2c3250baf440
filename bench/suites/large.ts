import { writer } from '../lab/writer';
import { MemorySampler } from '../measure/memory';
import { drain } from '../measure/throughput';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { inTurns } from './contenders';

const SHAPES = [
  { name: '100 KB', bytes: 100_000, rows: 6_000 },
  { name: '4 MB', bytes: 4_000_000, rows: 150 },
];

export const large: Suite = {
  name: 'large',
  about: 'documents of 100 KB and of 4 MB in MB/s, against a bare loop',
  method:
    'As `backlog`, with inserts of 6,000 documents of 100 KB and of 150 documents of 4 MB: 600 MB each. Timed from the order to go on to the last arrival, since the bare loop reads a whole batch, which may be all of it, before its first write. Memory is the highest of a round.',
  // The embedded servers read all of it for a question about its ends.
  history: 20_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const write = await writer(scope);
    await inTurns(scope, sizes, async (contender, { warmUp, from }) => {
      for (const [index, { name, bytes, rows }] of SHAPES.entries()) {
        // Warm-up with all of it: servers get their memory for so much only once.
        const changes = sizes.count(rows, 3);
        const first = from + index * 1_000_000;
        await contender.hold();
        await write.fill(contender.source.databaseName, { rows: changes, bytes, from: first, marked: true });
        using memory = new MemorySampler(contender.pid, 50);
        const { perSecond, firstAfterMs } = await drain(contender, { changes, from: first });
        const seconds = firstAfterMs / 1000 + changes / perSecond;
        if (warmUp) continue;
        figures
          .add(contender.name, `documents of ${name}`, 'MB/s', (changes * bytes) / 1e6 / seconds)
          .add(contender.name, `peak memory, ${name}`, 'MB', memory.peakMB);
      }
    });
    return {
      figures: figures.all,
      aims: Object.fromEntries(
        SHAPES.flatMap(({ name }) => [
          [`documents of ${name}`, '≥ 0.9 × the bare loop'],
          [`peak memory, ${name}`, '< 512 MB'],
        ]),
      ),
    };
  },
};
