import { CancellationScope, condition } from '@temporalio/workflow';
import type { CaughtUp } from '../../../protocol/stream-messages';
import { controlCalls } from '../../shared/calls';
import { assertMoves, refusal, refusalOf, whyNotMoving } from '../refuse';
import type { Run } from '../run';

const TIMEOUT_MS = 60_000;
/** A run cannot be continued as new while a handler is at work. */
const TIMEOUT_MAX_MS = 60 * 60_000;
/** The activity tells by itself that the time is over; this is for one that cannot. */
const MARGIN_MS = 30_000;

export function validateCatchUp(run: Run, timeoutMs: unknown): void {
  assertMoves(run, 'catch up');
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS))
    throw refusal('invalid_argument', `timeoutMs is not between 1 and ${TIMEOUT_MAX_MS}`);
}

const still = (run: Run): boolean => run.resting || run.state.phase === 'ended';

/** Rows from before the start position come by the copy alone, so the ledger's position says nothing of them. */
const copied = ({ state: { unprepared, restart, phase } }: Run): boolean =>
  !unprepared && !restart && (phase === 'replicate' || phase === 'finalize');

async function untilCopied(run: Run, leftMs: number): Promise<void> {
  const settled = (): boolean => copied(run) || still(run);
  if (!settled() && (leftMs <= 0 || !(await condition(settled, leftMs))))
    throw refusal('catch_up_timeout', 'the stream is still copying; wait longer, or look at its status');
  if (still(run)) throw whyNotMoving(run, 'catch up');
}

/** Asks the ledger, not the workflow: legs report only when they end. */
async function untilPassed(run: Run, timeoutMs: number): Promise<string> {
  const scope = new CancellationScope();
  const call = scope
    .run(() => controlCalls('wait until caught up', timeoutMs + MARGIN_MS).catchUp({ spec: run.spec, timeoutMs }))
    .catch((error: unknown) => {
      throw refusalOf(error);
    });
  const stopped = scope.run(() => condition(() => still(run)));
  stopped.catch(() => undefined);
  try {
    const result = await Promise.race([call, stopped]);
    if (result === undefined) throw whyNotMoving(run, 'catch up');
    return result.target;
  } finally {
    scope.cancel();
    call.catch(() => undefined);
  }
}

/** Fails as soon as the stream no longer moves. */
export async function catchUp(run: Run, timeoutMs: number = TIMEOUT_MS): Promise<CaughtUp> {
  const begun = Date.now();
  for (;;) {
    await untilCopied(run, begun + timeoutMs - Date.now());
    const target = await untilPassed(run, Math.max(1, begun + timeoutMs - Date.now()));
    // Another copy may have been asked for meanwhile; it takes a start position beyond the target.
    if (copied(run)) return { target, waitedMs: Date.now() - begun };
  }
}
