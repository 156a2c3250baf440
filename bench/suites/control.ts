import { TRIBUTARY } from '../contenders/contender';
import { tributary } from '../contenders/tributary';
import { writer } from '../lab/writer';
import { PACED } from '../load/pace';
import { quantile } from '../measure/statistics';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';

const ROUNDS = 20;
const BATCH_SIZES = [900, 1000];
const VERBS = ['pause', 'resume', 'reconfigure'] as const;

export const control: Suite = {
  name: 'control',
  about: 'how long pause, resume and reconfigure take while the stream carries changes',
  method:
    'Twenty rounds of each while 200 rows a second are written. Pause answers when nothing is being written any more, resume when it is accepted, reconfigure (another batch size, which ends the running leg) when it is in force.',
  run: async (scope, sizes) => {
    const write = await writer(scope);
    const { stream, source } = await tributary(scope);
    await source.createCollection(PACED);
    const writing = write.pace({ databases: [source.databaseName], perSecond: 200, prefix: 'control' });
    const times: Record<(typeof VERBS)[number], number[]> = { pause: [], resume: [], reconfigure: [] };
    const timed = async (verb: (typeof VERBS)[number], act: () => Promise<void>): Promise<void> => {
      const started = performance.now();
      await act();
      times[verb].push(performance.now() - started);
    };
    for (let round = 0; round < sizes.count(ROUNDS, 2); round += 1) {
      const batch_size = BATCH_SIZES[round % BATCH_SIZES.length] as number;
      await timed('pause', () => stream.pause());
      await timed('resume', () => stream.resume());
      await stream.caughtUp();
      await timed('reconfigure', () => stream.reconfigure({ settings: { batch_size } }));
      await stream.caughtUp();
    }
    await write.stop();
    await writing;
    const figures = new Figures();
    for (const verb of VERBS) {
      figures
        .add(TRIBUTARY, `${verb} p50`, 'ms', quantile(times[verb], 0.5))
        .add(TRIBUTARY, `${verb} p90`, 'ms', quantile(times[verb], 0.9));
    }
    return {
      figures: figures.all,
      aims: Object.fromEntries(VERBS.map((verb) => [`${verb} p50`, '< 3,000 ms'])),
    };
  },
};
