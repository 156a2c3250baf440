import { setTimeout as delay } from 'node:timers/promises';
import type { Report } from '../../src/servers/report';
import type { Plan } from './plan';
import { play, type Outcome } from './round';
import { Stage, type Variant } from './stage';

export interface SessionOptions {
  readonly variant: Variant;
  /** Rounds at a time. */
  readonly parallel: number;
  readonly home: string;
  readonly report: Report;
  /** No round begins after this many milliseconds. */
  readonly timeMs?: number;
  /** Ends with the first round that fails. */
  readonly bail?: boolean;
  /** Called with each round as it ends. */
  readonly ended: (outcome: Outcome) => void;
}

/** Servers are taken anew after so many rounds: their history only grows, and slows them down. */
const ROUNDS_PER_STAGE = 8;

/** Plays plans in lanes, each with servers of its own, until `next` has no more. */
export async function playAll(next: () => Plan | undefined, options: SessionOptions): Promise<Outcome[]> {
  const { parallel, variant, home, report, timeMs = Infinity, bail = false, ended } = options;
  const outcomes: Outcome[] = [];
  const began = performance.now();
  const over = (): boolean =>
    performance.now() - began > timeMs || (bail && outcomes.some(({ result }) => result === 'failed'));
  const lane = async (number: number): Promise<void> => {
    // Copies and starts of servers do not fall together in all lanes.
    await delay(number * 1500);
    let stage: Stage | null = null;
    try {
      for (let plan = over() ? undefined : next(); plan !== undefined; plan = over() ? undefined : next()) {
        stage ??= await Stage.open(variant, report);
        const outcome = await play(plan, stage, home);
        outcomes.push(outcome);
        ended(outcome);
        // A round that failed may have left something behind, and one after another makes history long.
        if (outcome.result === 'failed' || stage.rounds >= ROUNDS_PER_STAGE) {
          await stage[Symbol.asyncDispose]();
          stage = null;
        }
      }
    } finally {
      await stage?.[Symbol.asyncDispose]();
    }
  };
  await Promise.all(Array.from({ length: parallel }, (_, number) => lane(number)));
  return outcomes;
}
