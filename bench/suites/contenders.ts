import { bareLoop } from '../contenders/bare';
import type { Contender } from '../contenders/contender';
import { tributary } from '../contenders/tributary';
import type { Scope } from '../lab/scope';
import type { Sizes } from '../options';
import { expectSame, wrongRows } from '../measure/throughput';

/** The warm-up: enough for both just-in-time compilers to be done with the hot paths. */
export const WARM_UP_CHANGES = 10_000;

/** What `wrongRows` counts. */
export const WRONG = 'rows too many or too few at the end';

export interface Round {
  /** 0 is the warm-up. */
  readonly number: number;
  readonly warmUp: boolean;
  /** Free for the keys of this contender in this round. */
  readonly from: number;
}

const KEYS_PER_ROUND = 10_000_000;

/**
 * The product and the bare loop in turns: while one is measured, the other one holds. Answers how many rows the bare
 * loop has got wrong at the end: it is not told to be right.
 */
export async function inTurns(
  scope: Scope,
  { rounds, repetitions }: Sizes,
  measure: (contender: Contender, round: Round) => Promise<void>,
): Promise<number> {
  const [ours, bare] = [await tributary(scope), await bareLoop(scope)];
  const contenders = [ours, bare];
  for (const contender of contenders) await contender.hold();
  for (const number of rounds) {
    for (const contender of contenders) {
      await contender.go();
      await measure(contender, { number, warmUp: number === 0, from: (number + 1) * KEYS_PER_ROUND });
      await contender.hold();
      scope.say(`  ${contender.name}: ${number === 0 ? 'warm-up' : `round ${number} of ${repetitions}`}`);
    }
  }
  await expectSame(ours);
  return wrongRows(bare);
}
