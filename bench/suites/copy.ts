import { BARE_COPY, TRIBUTARY } from '../contenders/contender';
import type { CopyTask } from '../helpers/bare-copy';
import type { BenchHelper } from '../lab/helper';
import type { Scope } from '../lab/scope';
import { writer } from '../lab/writer';
import { MemorySampler } from '../measure/memory';
import { processStats } from '../measure/process-stats';
import { Figures, type Line } from '../report/outcome';
import type { Suite } from '../suite';

const RATE = 'documents per second';
const ROWS_RATE = 'the same once all targets are created';
const POLL_MS = 50;

export const copy: Suite = {
  name: 'copy',
  about: 'the initial copy of 1,000,000 documents, against a bare parallel copy',
  method:
    'Documents of 300 bytes are copied into a new database. The stream is timed from the start of its workflow until it follows changes, with everything that comes before and after the rows, and from when all targets are created: what it asks for before (sizes, the first and the last key) MongoDB knows at once, while the embedded servers go through all keys for each of these questions. The bare copy (four ranges at a time, rows that stay encoded, unordered inserts with majority) knows its ranges beforehand and is timed from its first to its last row.',
  // Nothing is written meanwhile.
  history: 10_000,
  run: async (scope, sizes) => {
    const figures = new Figures();
    const rows = sizes.count(1_000_000, 2_000);
    const database = scope.unique('rows');
    const { source, target, uris } = scope.servers;
    await (await writer(scope)).fill(database, { rows });
    const bare = await scope.helper('bare-copy');
    const worker = await scope.sharedWorker();
    const lines: Line[] = [];

    const measure = async (
      name: string,
      pid: number,
      warmUp: boolean,
      run: (into: string) => Promise<Timed>,
    ): Promise<void> => {
      const into = scope.unique('copy');
      using memory = new MemorySampler(pid);
      const before = processStats(pid).cpuSeconds;
      const { laidOut, seconds } = await run(into);
      const cpu = processStats(pid).cpuSeconds - before;
      const copied = await target.db(into).collection('orders').countDocuments();
      if (copied !== rows) throw new Error(`${name}: ${copied} of ${rows} rows were copied`);
      await target.db(into).dropDatabase();
      scope.say(`  ${name}: ${warmUp ? 'warm-up' : 'copied'}`);
      if (warmUp) return;
      figures
        .add(name, RATE, 'per second', rows / seconds)
        .add(name, ROWS_RATE, 'per second', rows / (seconds - laidOut))
        .add(name, 'CPU seconds per 10,000 documents', 'CPU s', (cpu / rows) * 10_000)
        .add(name, 'peak memory', 'MB', memory.peakMB);
      if (!lines.some((line) => line.name === name)) lines.push({ name, points: memory.thinned() });
    };

    for (const round of sizes.rounds) {
      const warmUp = round === 0;
      await measure(TRIBUTARY, worker.pid, warmUp, (into) => copyStream(scope, worker.queue, database, into));
      const task = { ...uris, database, collection: 'orders', rows };
      await measure(BARE_COPY, bare.pid, warmUp, (into) => copyBare(bare, { ...task, into }));
    }
    await source.db(database).dropDatabase();
    return {
      figures: figures.all,
      aims: { [RATE]: '≥ 40,000', [ROWS_RATE]: '≥ 0.9 × the bare copy', 'peak memory': 'flat' },
      charts: [
        {
          name: 'copy-memory',
          title: `Memory while ${rows.toLocaleString('en')} documents are copied`,
          x: { label: 'seconds', scale: 'linear' },
          y: { label: 'resident memory, MB', scale: 'linear' },
          lines,
        },
      ],
      notes: [`${rows.toLocaleString('en')} documents`],
    };
  },
};

/** Seconds from the start: until rows were copied, and until all was done. */
interface Timed {
  readonly laidOut: number;
  readonly seconds: number;
}

const secondsSince = (started: number): number => (performance.now() - started) / 1000;

async function copyStream(scope: Scope, queue: string, database: string, into: string): Promise<Timed> {
  const started = performance.now();
  const stream = await scope.start({ id: into, queue, database, into });
  await stream.copying(POLL_MS);
  const laidOut = secondsSince(started);
  await stream.replicating(POLL_MS);
  const seconds = secondsSince(started);
  // Its leg would take part in what is measured next.
  await stream.stop();
  return { laidOut, seconds };
}

async function copyBare(bare: BenchHelper, task: CopyTask): Promise<Timed> {
  const started = performance.now();
  await bare.call('copy', task);
  return { laidOut: 0, seconds: secondsSince(started) };
}
