import type { Contender } from './contender';
import { processStats } from './process-stats';
import { writeChanges } from './workload';

export interface Throughput {
  readonly eventsPerSecond: number;
  readonly cpuSecondsPer10k: number;
}

/** A backlog of `changes` is written while the contender holds; timed from its first to its last change at the target. */
export async function measureThroughput(contender: Contender, changes: number, from: number): Promise<Throughput> {
  await contender.hold();
  await writeChanges(contender.source.collection('orders'), changes, from);
  await contender.go();
  await visible(contender, `begin-${from}`);
  const before = processStats(contender.pid).cpuSeconds;
  const started = performance.now();
  await visible(contender, `end-${from}`);
  const seconds = (performance.now() - started) / 1000;
  const cpu = processStats(contender.pid).cpuSeconds - before;
  return { eventsPerSecond: changes / seconds, cpuSecondsPer10k: (cpu / changes) * 10_000 };
}

async function visible(contender: Contender, id: string): Promise<void> {
  const collection = contender.target.collection('orders');
  const deadline = performance.now() + 120_000;
  while (!(await collection.findOne({ _id: id as never }, { projection: { _id: 1 } }))) {
    if (performance.now() > deadline) throw new Error(`${contender.name}: ${id} did not arrive within two minutes`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
