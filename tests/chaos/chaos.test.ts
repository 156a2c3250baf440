import { join } from 'node:path';
import { dealt, generate } from './generate';
import { lineOf, summaryOf } from './report';
import { play, type Outcome } from './round';
import { Stage } from './stage';

/** Ten rounds with a fault of every kind among them; `npm run test:chaos` goes deeper. */
const SEED = Number(process.env['CHAOS_SEED'] ?? 4100);
const ROUNDS = 10;
/** A fault that found nothing to bite gets other circumstances. */
const TRIES = 3;
const VARIANT = 'default';

const outcomes: Outcome[] = [];
let stages: Stage[] = [];
beforeAll(async () => {
  stages = await Promise.all([Stage.open(VARIANT, console.log), Stage.open(VARIANT, () => undefined)]);
}, 300_000);
afterAll(async () => {
  console.log(summaryOf(outcomes, performance.now()));
  await Promise.all(stages.map((stage) => stage[Symbol.asyncDispose]()));
});

/** Until every fault bit. */
async function counted(round: number, stage: Stage): Promise<Outcome> {
  let outcome: Outcome | undefined;
  for (let n = 0; n < TRIES && (outcome === undefined || outcome.result === 'void'); n += 1) {
    const plan = generate(SEED + round + n * 1000, { kinds: dealt(SEED, ROUNDS)[round] ?? [], all: true });
    outcome = await play(plan, stage, join('.tributary', 'chaos'));
    outcomes.push(outcome);
    console.log(lineOf(outcome));
  }
  return outcome as Outcome;
}

// Rounds mostly wait: two of them go on at a time.
it.each(Array.from({ length: ROUNDS / 2 }, (_, pair) => pair))(
  'keeps both sides the same and goes back nowhere, whatever happens: rounds of pair %i',
  async (pair) => {
    const pairs = await Promise.all(stages.map((stage, lane) => counted(2 * pair + lane, stage)));
    expect(pairs.flatMap(({ problems }) => problems)).toEqual([]);
    expect(pairs.map(({ result }) => result)).toEqual(['passed', 'passed']);
  },
  600_000,
);
