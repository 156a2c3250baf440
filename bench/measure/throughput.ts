import type { Contender } from '../contenders/contender';
import type { Writer } from '../lab/writer';
import { marked } from '../load/markers';
import type { Workload } from '../load/workload';
import { processStats } from './process-stats';

export interface Throughput {
  readonly perSecond: number;
  readonly cpuSecondsPer10k: number;
}

export interface Backlog extends Throughput {
  /** From the order to go on to the first change at the target. */
  readonly firstAfterMs: number;
}

const PATIENCE_MS = 900_000;

/** Written as fast as the source takes it while the contender follows; timed from the first write to the last arrival. */
export async function measureLive(contender: Contender, writer: Writer, workload: Workload): Promise<Throughput> {
  const before = processStats(contender.pid).cpuSeconds;
  const started = performance.now();
  await Promise.all([
    writer.changes(contender.source.databaseName, workload),
    arrived(contender, 'end', workload.from),
  ]);
  return rates(contender, workload.changes, started, before);
}

/** Written while the contender holds; timed from the first to the last change at the target. */
export async function measureBacklog(contender: Contender, writer: Writer, workload: Workload): Promise<Backlog> {
  await contender.hold();
  await writer.changes(contender.source.databaseName, workload);
  return drain(contender, workload);
}

/** The second half of a backlog: the contender holds, and the changes are there. */
export async function drain(contender: Contender, { changes, from }: Omit<Workload, 'kind'>): Promise<Backlog> {
  const ordered = performance.now();
  await contender.go();
  await arrived(contender, 'begin', from);
  const before = processStats(contender.pid).cpuSeconds;
  const started = performance.now();
  await arrived(contender, 'end', from);
  return { ...rates(contender, changes, started, before), firstAfterMs: started - ordered };
}

function rates({ pid }: Contender, changes: number, started: number, cpuBefore: number): Throughput {
  const seconds = (performance.now() - started) / 1000;
  const cpuSeconds = processStats(pid).cpuSeconds - cpuBefore;
  return { perSecond: changes / seconds, cpuSecondsPer10k: (cpuSeconds / changes) * 10_000 };
}

const arrived = (contender: Contender, which: 'begin' | 'end', from: number): Promise<void> =>
  marked(contender.target.collection('orders'), `${which}-${from}`, PATIENCE_MS, () => contender.trouble());

/** How many rows the target has too many or too few. */
export async function wrongRows({ source, target }: Contender): Promise<number> {
  const [there, here] = await Promise.all([source, target].map((db) => db.collection('orders').countDocuments()));
  return Math.abs((there ?? 0) - (here ?? 0));
}

/** The product's figures are worth nothing when it lost something. */
export async function expectSame(contender: Contender): Promise<void> {
  const wrong = await wrongRows(contender);
  if (wrong > 0) throw new Error(`${contender.name}: ${wrong} rows too many or too few at the target`);
}
