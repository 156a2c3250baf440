import { planOf, type Plan } from './plan';
import { play, type Outcome } from './round';
import { everything, keep, shrink, type Kept } from './shrink';
import { Stats } from './stats';
import type { Violation } from './witness';

const SHRINK_MS = 20_000;

export interface Failure {
  readonly seed: number;
  readonly violation: Violation;
  readonly kept: Kept;
}

export interface SessionOptions {
  readonly seed: number;
  /** Told after every round; false ends the session. */
  readonly goesOn: (played: number, failures: readonly Failure[]) => boolean;
  readonly shrinks: boolean;
}

export interface Session {
  readonly played: number;
  readonly failures: readonly Failure[];
  readonly stats: Stats;
}

/** One round after the other, seed by seed. */
export async function playAll({ seed: first, goesOn, shrinks }: SessionOptions): Promise<Session> {
  const stats = new Stats();
  const failures: Failure[] = [];
  let played = 0;
  while (goesOn(played, failures)) {
    const seed = first + played;
    const plan = planOf(seed);
    const outcome = await play(plan);
    stats.add(outcome.stats);
    played += 1;
    if (outcome.violation !== null) failures.push(await failureOf(plan, outcome.violation, shrinks));
  }
  return { played, failures, stats };
}

async function failureOf(plan: Plan, violation: Violation, shrinks: boolean): Promise<Failure> {
  const { seed } = plan;
  const whole = everything(plan);
  if (!shrinks) return { seed, violation, kept: whole };
  const until = Date.now() + SHRINK_MS;
  const outcomes = new Map<Kept, Outcome>();
  const fails = async (smaller: Kept): Promise<boolean> => {
    const outcome = await play(keep(plan, smaller));
    outcomes.set(smaller, outcome);
    return outcome.violation?.rule === violation.rule;
  };
  const kept = await shrink(whole, fails, () => Date.now() < until);
  return { seed, kept, violation: outcomes.get(kept)?.violation ?? violation };
}

/** The command that plays this again, with all that it tells. */
export function commandOf({ seed, kept }: Failure, mutant?: string): string {
  const plan = planOf(seed);
  const part = (name: keyof Kept): string =>
    kept[name].length === plan[name].length ? '' : ` --${name} ${kept[name].join(',') || 'none'}`;
  const of = mutant === undefined ? '' : ` --mutant ${mutant}`;
  return `npm run simulate -- --seed ${seed} --trace${part('operations')}${part('faults')}${of}`;
}
