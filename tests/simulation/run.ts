/** `npm run simulate -- [--rounds N] [--seed S] [--mutant NAME]`: see `--help`. */
import { Command, InvalidArgumentError } from 'commander';
import { MUTATIONS } from './mutations';
import { playMutant } from './mutant';
import { planOf } from './plan';
import { lineOf, summaryOf } from './report';
import { play } from './round';
import { playAll } from './session';
import { everything, keep, type Kept } from './shrink';

interface Options {
  readonly rounds: number;
  readonly seed: number;
  readonly bail: boolean;
  readonly shrink: boolean;
  readonly trace: boolean;
  readonly operations?: readonly number[];
  readonly faults?: readonly number[];
  readonly mutant?: string;
}

const TELL_EVERY_MS = 2_000;

const say = (line: string): void => console.log(line);

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted');
  return value;
}

const list = (text: string): number[] => (text === 'none' ? [] : text.split(',').map(whole));

function mutantName(text: string): string {
  if (!MUTATIONS.some(({ name }) => name === text))
    throw new InvalidArgumentError(`one of ${MUTATIONS.map(({ name }) => name).join(', ')}`);
  return text;
}

/** One round, line by line. */
async function trace({ seed, operations, faults }: Options): Promise<boolean> {
  const plan = planOf(seed);
  const kept: Kept = { ...everything(plan), ...(operations && { operations }), ...(faults && { faults }) };
  say(JSON.stringify({ traits: plan.traits, lanes: plan.lanes, batchSize: plan.batchSize, sliceMs: plan.sliceMs }));
  const { violation } = await play(keep(plan, kept), (line) => say(line));
  say(violation === null ? 'the round passed' : violation.message);
  return violation === null;
}

async function session({ rounds, seed, bail, shrink }: Options): Promise<boolean> {
  let isStopped = false;
  process.once('SIGINT', () => (isStopped = true));
  const began = Date.now();
  let told = began;
  const result = await playAll({
    seed,
    shrinks: shrink,
    goesOn: (played, failures) => {
      if (Date.now() - told > TELL_EVERY_MS) {
        told = Date.now();
        process.stderr.write(`${played} of ${rounds} rounds, ${failures.length} failed\n`);
      }
      return played < rounds && !isStopped && !(bail && failures.length > 0);
    },
  });
  for (const failure of result.failures) say(lineOf(failure, process.env['SIMULATED_MUTANT']));
  say(summaryOf(result, Date.now() - began));
  return result.failures.length === 0 && !isStopped;
}

async function main(): Promise<void> {
  const program = new Command('simulate')
    .description('Runs the core between a source and a destination that are lists, under a seed: no server, no time.')
    .option('--rounds <n>', 'how many', whole, 1_000)
    .option('--seed <s>', 'of the first round; each has the next one', whole, 1)
    .option('--bail', 'end with the first round that fails', false)
    .option('--no-shrink', 'do not look for a smaller plan that fails in the same way')
    .option('--trace', 'one round only, and every call of it', false)
    .option('--operations <list>', 'with --trace: only these, by number, or none', list)
    .option('--faults <list>', 'with --trace: only these, by number, or none', list)
    .option('--mutant <name>', 'with one guard of the core taken away', mutantName);
  const options = program.parse().opts<Options>();
  if (options.mutant !== undefined) process.exitCode = playMutant(options.mutant, process.argv.slice(2)).status;
  else if (!(await (options.trace ? trace(options) : session(options)))) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
