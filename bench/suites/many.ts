import { setTimeout as sleep } from 'node:timers/promises';
import { TRIBUTARY } from '../contenders/contender';
import { writer } from '../lab/writer';
import { Arrivals } from '../measure/arrivals';
import { MemorySampler } from '../measure/memory';
import { processStats } from '../measure/process-stats';
import { quantile } from '../measure/statistics';
import { Figures } from '../report/outcome';
import type { Suite } from '../suite';
import { cpuShare, Flock } from './flock';

const PATIENCE_MS = 120_000;
const BUSY_SHARE = 0.2;
const WRITES_PER_STREAM = 20;
/** Until legs last some minutes. */
const GROWN_SECONDS = 240;
const STEPS = [0.01, 0.1, 0.25, 0.5, 1];

export const many: Suite = {
  name: 'many',
  about: '100 streams in one worker, 20 busy and 80 idle: progress, lag, memory, CPU',
  method:
    'Streams are started in steps up to 100 in one worker, and the worker is watched for 40 s while all of them are idle, once their legs last some minutes. Then 20 of them get 20 writes/s each for 30 s, and at the end every stream gets one write.',
  once: true,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const count = sizes.count(100, 5);
    const worker = await scope.worker({ slots: count + 20 });
    const stats = () => processStats(worker.pid);
    const flock = new Flock(scope, worker.queue);
    const idleSeconds = sizes.seconds(20, 1);
    const write = await writer(scope);

    const none = await cpuShare(() => stats().cpuSeconds, idleSeconds);
    const cpu: [number, number][] = [[0, none]];
    const resident: [number, number][] = [[0, stats().residentBytes / 1e6]];
    let startSeconds = 0;
    for (const streams of new Set(STEPS.map((step) => Math.ceil(step * count)))) {
      startSeconds += await flock.growTo(streams);
      cpu.push([streams, await cpuShare(() => stats().cpuSeconds, idleSeconds)]);
      resident.push([streams, stats().residentBytes / 1e6]);
      scope.say(`  ${streams} streams follow`);
    }
    // A leg that begins costs as much as an idle one in half a minute; the first ones are short.
    await sleep(sizes.seconds(GROWN_SECONDS, 0) * 1000);
    const idle = await cpuShare(() => stats().cpuSeconds, idleSeconds * 2);
    cpu.splice(-1, 1, [count, idle]);

    await using arrivals = await Arrivals.watch(scope.servers.target);
    using memory = new MemorySampler(worker.pid);
    const databases = flock.databases.slice(0, Math.ceil(count * BUSY_SHARE));
    const perSecond = databases.length * WRITES_PER_STREAM;
    const busy = await write.pace({ databases, perSecond, seconds: sizes.seconds(30, 1), prefix: 'busy' });
    if (!(await arrivals.reached(busy, PATIENCE_MS))) throw new Error('not all writes of the busy streams arrived');
    const lags = arrivals.all.map(({ sent, at }) => at - sent);
    const every = await write.pace({ databases: flock.databases, perSecond: count * 2, seconds: 0.5, prefix: 'every' });
    await arrivals.reached(busy + every, PATIENCE_MS);
    const progressed = new Set(arrivals.all.filter(({ id }) => id.startsWith('every')).map(({ database }) => database));

    figures
      .add(TRIBUTARY, 'streams', 'count', count)
      .add(TRIBUTARY, 'streams that made progress', 'count', progressed.size)
      .add(TRIBUTARY, 'lag p50 of busy streams', 'ms', quantile(lags, 0.5))
      .add(TRIBUTARY, 'lag p99 of busy streams', 'ms', quantile(lags, 0.99))
      .add(TRIBUTARY, 'peak memory', 'MB', memory.peakMB)
      .add(TRIBUTARY, 'CPU of an idle stream, of a core', '%', (idle - none) / count)
      .add(TRIBUTARY, 'CPU of a worker without streams, of a core', '%', none)
      .add(
        TRIBUTARY,
        'event loop delay p99',
        'ms',
        (await worker.metric('tributary_event_loop_delay_p99_seconds')) * 1000,
      )
      .add(TRIBUTARY, 'starting a stream', 's', startSeconds / count);
    return {
      figures: figures.all,
      aims: {
        'streams that made progress': 'all',
        'lag p99 of busy streams': '< 1,000 ms',
        'peak memory': '< 512 MB',
        'CPU of an idle stream, of a core': '≤ 0.2 %',
        'event loop delay p99': '< 100 ms',
      },
      charts: [
        {
          name: 'streams-cpu',
          title: 'CPU of a worker with idle streams',
          x: { label: 'idle streams', scale: 'linear' },
          y: { label: '% of a core', scale: 'linear' },
          lines: [{ name: TRIBUTARY, points: cpu }],
        },
        {
          name: 'streams-memory',
          title: 'Memory of a worker with idle streams',
          x: { label: 'idle streams', scale: 'linear' },
          y: { label: 'resident memory, MB', scale: 'linear' },
          lines: [{ name: TRIBUTARY, points: resident }],
        },
      ],
    };
  },
};
