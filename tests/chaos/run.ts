/** `npm run test:chaos -- [--seeds N] [--seed S] [--plan FILE] [--parallel P] [--variant fast|python] [--faults a,b] [--time 60m]` */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { durationMs } from '../../src/config/values/duration';
import { FAULT_KINDS, generate } from './generate';
import { readPlan, writePlan, type FaultKind, type Plan } from './plan';
import { lineOf, summaryOf } from './report';
import type { Outcome } from './round';
import { endWorkersWithProcess } from '../support/worker-process';
import { playAll, type SessionOptions } from './session';
import { shrink } from './shrink';

interface Options {
  readonly seeds: number;
  readonly seed?: number;
  readonly plan?: string;
  readonly parallel: number;
  readonly variant: 'fast' | 'python';
  readonly faults?: readonly FaultKind[];
  readonly time?: string;
  readonly shrink: string;
  readonly bail: boolean;
  readonly home: string;
}

const say = (line: string): void => console.log(line);

const whole = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number');
  return Number(text);
};

const kinds = (text: string): FaultKind[] =>
  text.split(',').map((name) => {
    const found = FAULT_KINDS.find((kind) => kind === name);
    if (found === undefined) throw new InvalidArgumentError(`expected some of ${FAULT_KINDS.join(', ')}`);
    return found;
  });

const program = new Command('test:chaos')
  .description('Generated workloads and faults against a stream; each seed is one round.')
  .option('--seeds <n>', 'rounds that have to count', whole, 10)
  .option('--seed <s>', 'the first seed; a new one each time when left out', whole)
  .option('--plan <file>', 'plays this plan, as many times as --seeds says (1)')
  .option('--parallel <p>', 'rounds at a time, each with servers of its own', whole, 1)
  .addOption(new Option('--variant <name>', 'which embedded server').choices(['fast', 'python']).default('python'))
  .option('--faults <kinds>', 'only these kinds of faults, with commas between them', kinds)
  .option('--time <duration>', 'no round begins after this, such as 60m')
  .option('--shrink <duration>', 'how long a failure may be shrunk', '6m')
  .option('--no-shrink', 'leaves failures as they are')
  .option('--bail', 'ends with the first failure', false)
  .option('--home <directory>', 'where failures are kept', join('.tributary', 'chaos'));

/** A round that did not count is repeated with the next seed. */
function seeds(
  { seeds: wanted, faults }: Options,
  first: number,
  outcomes: readonly Outcome[],
): () => Plan | undefined {
  let next = first;
  return () => {
    const counted = outcomes.filter(({ result }) => result !== 'void').length;
    const underWay = next - first - outcomes.length;
    if (counted + underWay >= wanted) return undefined;
    return generate(next++, faults === undefined ? {} : { kinds: faults });
  };
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const began = performance.now();
  const session: SessionOptions = {
    variant: options.variant === 'fast' ? 'fast' : 'default',
    parallel: options.parallel,
    home: options.home,
    report: () => undefined,
    bail: options.bail,
    ended: (outcome) => say(lineOf(outcome)),
    ...(options.time !== undefined && { timeMs: durationMs(options.time) }),
  };
  const given = options.plan === undefined ? undefined : readPlan(options.plan);
  const first = options.seed ?? given?.seed ?? Math.floor(Math.random() * 1_000_000);
  say(`seeds from ${first} on, ${options.parallel} at a time, ${options.variant} server`);
  const outcomes: Outcome[] = [];
  const ended = (outcome: Outcome): void => {
    outcomes.push(outcome);
    session.ended(outcome);
  };
  let repeats = program.getOptionValueSource('seeds') === 'default' ? 1 : options.seeds;
  const plans = given === undefined ? seeds(options, first, outcomes) : () => (repeats-- > 0 ? given : undefined);
  await playAll(plans, { ...session, ended });
  say(summaryOf(outcomes, performance.now() - began));
  const failed = outcomes.find(({ result }) => result === 'failed');
  if (failed === undefined) return;
  process.exitCode = 1;
  const shrinkMs = typeof options.shrink === 'string' ? durationMs(options.shrink) : 0;
  await showSmallest(failed, session, shrinkMs);
}

async function showSmallest({ plan, directory }: Outcome, session: SessionOptions, timeMs: number): Promise<void> {
  const home = join(directory, 'shrinking');
  const fails = async (smaller: Plan): Promise<boolean> => {
    let left: Plan | undefined = smaller;
    const once = (): Plan | undefined => {
      const next = left;
      left = undefined;
      return next;
    };
    const [outcome] = await playAll(once, { ...session, parallel: 1, home, ended: () => undefined });
    return outcome?.result === 'failed';
  };
  if (timeMs > 0) say(`\nshrinking seed ${plan.seed} …`);
  const smallest = await shrink(plan, fails, timeMs);
  const file = join(directory, 'smallest.json');
  writePlan(file, smallest);
  const fewer = `${smallest.faults.length} of ${plan.faults.length} faults: ${smallest.faults.map(({ kind }) => kind).join(', ')}`;
  say(
    `to see it again (${fewer}):\n  npm run test:chaos -- --variant ${session.variant === 'fast' ? 'fast' : 'python'} --seed ${plan.seed} --plan ${file}`,
  );
}

endWorkersWithProcess();

// Not left to the event loop: Node may wait for ever, and busily, for a connection that was closed in one direction.
void main()
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => process.exit());
