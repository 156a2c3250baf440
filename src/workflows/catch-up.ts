import { CancellationScope, condition } from '@temporalio/workflow';
import { controlCalls } from './calls';
import type { CaughtUp } from './messages';
import { assertMoves, refusal, refusalOf, whyNotMoving } from './refuse';
import type { Run } from './run';

const TIMEOUT_MS = 60_000;
/** A run cannot be continued as new while a handler is at work. */
const TIMEOUT_MAX_MS = 60 * 60_000;
/** The activity tells by itself that the time is over; this is for one that cannot. */
const MARGIN_MS = 30_000;

export function validateCatchUp(run: Run, timeoutMs: unknown): void {
  assertMoves(run, 'catch up');
  if (!run.state.parsed) throw refusal('not_parsed', 'the spec has not been checked yet; try again');
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS))
    throw refusal('invalid_argument', `timeoutMs is not between 1 and ${TIMEOUT_MAX_MS}`);
}

/** Asks the ledger, not the workflow: legs report only when they end. Fails as soon as the stream no longer moves. */
export async function catchUp(run: Run, timeoutMs: number = TIMEOUT_MS): Promise<CaughtUp> {
  const begun = Date.now();
  const scope = new CancellationScope();
  const call = scope.run(() =>
    controlCalls('wait until caught up', timeoutMs + MARGIN_MS).catchUp({ spec: run.spec, timeoutMs }),
  );
  const still = scope.run(() => condition(() => run.resting || run.state.phase === 'ended'));
  still.catch(() => undefined);
  try {
    const result = await Promise.race([call, still]);
    if (result === undefined) throw whyNotMoving(run, 'catch up');
    return { target: result.target, waitedMs: Date.now() - begun };
  } catch (error) {
    throw refusalOf(error);
  } finally {
    scope.cancel();
    call.catch(() => undefined);
  }
}
