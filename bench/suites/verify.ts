import { setTimeout as sleep } from 'node:timers/promises';
import { connectTemporal, type Temporal } from '../../src/cli/temporal';
import { begin, follow } from '../../src/cli/verify/verify';
import type { VerificationView } from '../../src/protocol/verification-messages';
import type { Scope } from '../lab/scope';
import type { BenchStream } from '../lab/stream';
import { writer, type Writer } from '../lab/writer';
import { Damage, DAMAGED_INDEXES, DAMAGED_ROWS, INDEXES } from '../load/damage';
import { COUNTERS, PACED } from '../load/pace';
import { Arrivals } from '../measure/arrivals';
import { MemorySampler } from '../measure/memory';
import { processStats } from '../measure/process-stats';
import { now, quantile } from '../measure/statistics';
import { Figures, type Line } from '../report/outcome';
import type { Suite } from '../suite';

interface Speed {
  readonly name: string;
  /** The product's default when null. */
  readonly rowsPerSecond: number | null;
}

const SPEEDS: readonly Speed[] = [
  { name: 'default settings', rowsPerSecond: null },
  { name: '--rows-per-second 0', rowsPerSecond: 0 },
];

const PER_SECOND = 200;
const KEYS = 200;
/** A connection of the writer, a cursor of the watcher: what only the first rows wait for. */
const WARM_UP_MS = 2_000;
const PATIENCE_MS = 120_000;

const ROWS_FOUND = 'rows found to differ';
const INDEXES_FOUND = 'indexes found to differ';
const LEFT = 'damaged rows after the repair';
const PEAK = 'peak memory of the verifying worker';

export const verify: Suite = {
  name: 'verify',
  about: '1,000,000 documents are verified and repaired while their stream runs: time, memory, what is found, lag',
  method:
    'A stream has copied 1,000,000 documents of 300 bytes with two indexes and goes on to follow 200 inserts and 200 updates of counters a second. Behind its back one bit of a string is flipped at the target, an Int32 becomes a Double, a document goes missing, another one is added and an index is dropped. Then `tributary verify --repair` in a worker of its own, timed from the start to the end of its workflow, repair included; at the rate that is its default (10,000 rows a second) and without a limit. Lag is that of the inserts meanwhile, and for ten seconds before. The suite fails unless exactly what was damaged is found, is the same on both sides afterwards byte for byte, and a second verification, with the index put back by hand, says `identical`.',
  run: async (scope, sizes) => {
    const figures = new Figures();
    const lines: Line[] = [];
    const rows = sizes.count(1_000_000, 1_000);
    const calmMs = 1000 * sizes.seconds(10, 1);
    const copied = await copy(scope, rows);
    for (let round = 1; round <= sizes.repetitions; round += 1) {
      for (const speed of SPEEDS) {
        const memory = await underLoad(copied, speed, `${speed.rowsPerSecond ?? 'default'}-${round}`, calmMs, figures);
        if (round === 1) lines.push({ name: speed.name, points: memory.thinned() });
        scope.say(`  ${speed.name}: verified ${round} of ${sizes.repetitions}`);
      }
    }
    return {
      figures: figures.all,
      aims: {
        [ROWS_FOUND]: String(DAMAGED_ROWS),
        [INDEXES_FOUND]: String(DAMAGED_INDEXES),
        [LEFT]: '0',
        [PEAK]: '< 300 MB',
      },
      charts: [
        {
          name: 'verify-memory',
          title: `Memory while ${rows.toLocaleString('en')} documents are verified`,
          x: { label: 'seconds', scale: 'linear' },
          y: { label: 'resident memory, MB', scale: 'linear' },
          lines,
        },
      ],
      notes: [`${rows.toLocaleString('en')} documents`],
    };
  },
};

interface Copied {
  readonly scope: Scope;
  readonly write: Writer;
  /** Also the stream's id. */
  readonly database: string;
  readonly damage: Damage;
  readonly stream: BenchStream;
}

async function copy(scope: Scope, rows: number): Promise<Copied> {
  const database = scope.unique('rows');
  const [source, target] = [scope.servers.source.db(database), scope.servers.target.db(database)];
  for (const collection of [PACED, COUNTERS]) await source.createCollection(collection);
  await source.collection('orders').createIndexes([...INDEXES]);
  const write = await writer(scope);
  await write.fill(database, { rows });
  const { queue } = await scope.worker();
  const stream = await scope.stream({ id: database, queue, database });
  scope.say(`  ${rows.toLocaleString('en')} documents copied`);
  return { scope, write, database, damage: new Damage(source, target, rows), stream };
}

/** Damages, verifies under load, and proves that nothing is left of the damage. */
async function underLoad(
  { scope, write, database, damage, stream }: Copied,
  { name, rowsPerSecond }: Speed,
  prefix: string,
  calmMs: number,
  figures: Figures,
): Promise<MemorySampler> {
  // New for each: its memory is that of one verification.
  const worker = await scope.worker();
  const env = { TEMPORAL_ADDRESS: scope.servers.uris.temporal, TRIBUTARY_TASK_QUEUE: worker.queue };
  await using temporal = await connectTemporal({ env });
  await using arrivals = await Arrivals.watch(scope.servers.target.db(database));
  const writing = write.pace({ databases: [database], perSecond: PER_SECOND, prefix, counters: KEYS });
  const calmFrom = now() + WARM_UP_MS;
  await sleep(WARM_UP_MS + calmMs);
  await damage.do();

  using memory = new MemorySampler(worker.pid);
  const cpuBefore = processStats(worker.pid).cpuSeconds;
  const found = await verified(temporal, database, { repair: true, rowsPerSecond }, scope.signal);
  const cpuSeconds = processStats(worker.pid).cpuSeconds - cpuBefore;
  memory[Symbol.dispose]();
  await write.stop();
  if (!(await arrivals.reached(await writing, PATIENCE_MS))) throw new Error(`${name}: not every row arrived`);
  await stream.caughtUp();

  const left = await damage.left();
  // As many as were damaged were repaired, and those that were damaged are whole: none was found that was not damaged.
  if (found.repaired !== DAMAGED_ROWS || found.layoutDifferences !== DAMAGED_INDEXES || left > 0)
    throw new Error(`${name}: ${left} damaged rows are left; found was ${JSON.stringify(found)}`);
  await damage.putIndexBack();
  const again = await verified(temporal, database, { repair: false, rowsPerSecond: 0 }, scope.signal);
  if (again.verdict !== 'identical') throw new Error(`${name}: after the repair: ${JSON.stringify(again)}`);
  await worker.kill();

  addFound(figures, name, found, cpuSeconds);
  figures
    .add(name, LEFT, 'count', left)
    .add(name, 'memory of that worker before', 'MB', memory.points[0]?.[1] ?? NaN)
    .add(name, PEAK, 'MB', memory.peakMB);
  addLag(figures, name, 'before', arrivals, [calmFrom, calmFrom + calmMs]);
  addLag(figures, name, 'meanwhile', arrivals, spanOf(found));
  return memory;
}

type Span = readonly [from: number, to: number];

const spanOf = ({ startedAt, endedAt }: VerificationView): Span => [Date.parse(startedAt), Date.parse(endedAt ?? '')];

function addFound(figures: Figures, name: string, found: VerificationView, cpuSeconds: number): void {
  const [from, to] = spanOf(found);
  const seconds = (to - from) / 1000;
  const { sourceRows, unsettled } = found.findings;
  figures
    .add(name, 'verification, with its repair', 's', seconds)
    .add(name, 'rows per second', 'per second', sourceRows / seconds)
    .add(name, 'CPU seconds per 10,000 rows', 'CPU s', (cpuSeconds / sourceRows) * 10_000)
    .add(name, ROWS_FOUND, 'count', found.repaired)
    .add(name, INDEXES_FOUND, 'count', found.layoutDifferences)
    .add(name, 'rows that it could not settle', 'count', unsettled);
}

function addLag(figures: Figures, name: string, when: string, { all }: Arrivals, [from, to]: Span): void {
  const lags = all.filter(({ sent }) => sent >= from && sent < to).map(({ sent, at }) => at - sent);
  figures
    .add(name, `lag p50 ${when}`, 'ms', quantile(lags, 0.5))
    .add(name, `lag p99 ${when}`, 'ms', quantile(lags, 0.99));
}

/** As the command line does it. */
async function verified(
  temporal: Temporal,
  stream: string,
  asked: { readonly repair: boolean; readonly rowsPerSecond: number | null },
  signal: AbortSignal,
): Promise<VerificationView> {
  const { workflow, joined } = await begin(temporal, stream, { ...asked, namespaces: null });
  if (joined) throw new Error(`${stream} is being verified already`);
  const view = await follow(temporal, workflow, { tell: () => undefined, say: () => undefined }, signal);
  if (view === null) throw new Error('interrupted');
  return view;
}
