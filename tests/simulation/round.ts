import { Random } from '../chaos/random';
import { VirtualClock } from './clock';
import { DestinationServer } from './destination/server';
import { NAMESPACES, type Plan } from './plan';
import { History } from './source/history';
import { positionOf } from './source/position';
import { SourceServer } from './source/server';
import { Stats } from './stats';
import { operate } from './traffic';
import { Wire, type Trace } from './wire';
import { Violation, Witness } from './witness';
import { Workflow } from './workflow';

/** After traffic and faults are over, a stream that needs more calls than this does not come to its end. */
const MOST_CALLS = 25;
const forever = new AbortController().signal;

export interface Outcome {
  readonly violation: Violation | null;
  readonly stats: Stats;
}

/** One stream, from its start until both sides are the same, under what its plan says. The same plan gives the same round. */
export async function play(plan: Plan, trace: Trace = null): Promise<Outcome> {
  const stats = new Stats();
  let violation: Violation | null = null;
  let breaks: (violation: Violation) => void = () => undefined;
  const broken = new Promise<void>((resolve) => {
    breaks = (each) => {
      violation ??= each;
      resolve();
    };
  });
  const clock = new VirtualClock();
  const tell: Trace = trace && ((line) => trace(`${clock.monotonic().toFixed(1)} ${line}`));
  stats.pairs({ ...plan.traits });
  stats.count('rounds');
  try {
    await clock.run(() => Promise.race([broken, live(plan, clock, stats, (each) => breaks(each), tell)]));
  } catch (error) {
    const { message, stack } = error as Error;
    breaks(error instanceof Violation ? error : new Violation('comes to its end', stack ?? message));
  }
  return { violation, stats };
}

async function live(
  plan: Plan,
  clock: VirtualClock,
  stats: Stats,
  broken: (violation: Violation) => void,
  trace: Trace,
): Promise<void> {
  const random = new Random(plan.wire);
  const history = new History();
  const source = new SourceServer(clock, plan.traits.order === 'vector' ? 2 : 1, history);
  const witness = new Witness({ history, source, traits: plan.traits, broken });
  const destination = new DestinationServer(witness, plan.traits.unique);
  witness.watch(destination);
  const wire = new Wire(clock, random, plan.faults, stats, trace);
  for (const name of NAMESPACES.slice(0, plan.traits.schema ? 2 : 3)) source.create(name);
  const workflow = new Workflow({ plan, clock, random, wire, source, destination, stats, broken });

  let isBusy = true;
  const traffic = async (): Promise<void> => {
    for (const operation of plan.operations) {
      const beginning = operation.seed % 4 === 0 ? 0 : operation.atMs;
      await clock.sleep(beginning - clock.monotonic(), forever);
      stats.count(`operation ${operation.kind}`);
      trace?.(
        `operation ${operation.kind} ${operation.namespace} k${operation.key}; the source is at ${JSON.stringify(source.end)}`,
      );
      if (operation.kind === 'pause') workflow.interrupt();
      else operate(operation, source, destination, plan.traits.unique);
    }
    isBusy = false;
  };
  await Promise.all([traffic(), workflow.run(() => !isBusy)]);
  wire.isCalm = true;
  await drained(workflow, clock, source);
  witness.compare();
}

/** Legs until all is written; once more when the last of those that were left behind have had their say. */
async function drained(workflow: Workflow, clock: VirtualClock, source: SourceServer): Promise<void> {
  let isLast = workflow.orphans.size === 0;
  for (let calls = 0; calls < MOST_CALLS; calls += 1) {
    if (!(await workflow.catchUp(positionOf(source.end)))) continue;
    if (isLast) return;
    isLast = true;
    await clock.sleep(60_000, forever);
    for (const host of workflow.hosts) host.kill(0);
  }
  throw new Violation('comes to its end', 'the stream did not catch up');
}
