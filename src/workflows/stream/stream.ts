import { allHandlersFinished, CancellationScope, condition } from '@temporalio/workflow';
import type { FailureInfo } from '../../protocol/failure';
import type { StreamInput } from '../../protocol/input';
import type { Phase } from '../../protocol/stream-state';
import type { StreamView } from '../../protocol/stream-view';
import { continueRun, mayContinue } from './continue';
import { finalize } from './phases/finalize';
import { handle, requestStop } from './handlers';
import { inspectWhenDue } from './inspect';
import { prepare } from './phases/prepare';
import { publish } from './publish';
import { record } from './record';
import { failureOf } from './refuse';
import { replicate } from './phases/replicate';
import { backOff, mustRest, rest } from './phases/rest';
import { openRun, type Run } from './run';
import { snapshot } from './phases/snapshot';
import { unreadable } from '../shared/version';
import { viewOf } from './view';

const PHASES: Readonly<Record<Exclude<Phase, 'ended'>, (run: Run) => Promise<Phase>>> = {
  prepare,
  snapshot,
  replicate,
  finalize,
};

/** What a person asked for overrules where the stream was. */
function redirect({ state }: Run): void {
  if (state.restart || state.unprepared) state.phase = 'prepare';
  if (state.finalizing && state.phase === 'replicate') state.phase = 'finalize';
  if (!state.finalizing && state.phase === 'finalize') state.phase = 'replicate';
}

function end(run: Run): void {
  run.state.phase = 'ended';
  run.state.outcome = 'stopped';
  record(run, 'stream.stopped');
}

/** One call, one rest or one wait at a time; between two of them the whole state is read anew. */
async function step(run: Run): Promise<void> {
  const { state } = run;
  if (state.phase === 'ended') return;
  if (state.desired === 'stop') end(run);
  else if (mayContinue(run)) await continueRun(run);
  else if (mustRest(state)) await rest(run);
  else if (run.delayMs > 0) await backOff(run);
  else {
    redirect(run);
    if (state.failures > 0 && state.failure?.code === 'no_worker') inspectWhenDue(run);
    state.phase = await PHASES[state.phase](run);
    publish(run);
  }
}

async function live(run: Run): Promise<StreamView> {
  while (run.state.phase !== 'ended') await step(run);
  publish(run);
  await condition(allHandlersFinished);
  return viewOf(run);
}

/** Status and web UI say why, also when the workflow has failed; the state is not read. */
function refuse({ spec }: StreamInput, failure: FailureInfo): never {
  const run = openRun({ spec });
  run.state.failure = { ...failure, at: new Date().toISOString() };
  run.state.needsAttention = true;
  handle(run);
  publish(run);
  throw failureOf(failure);
}

/** One stream, from its start to its end. Input by hand is `{ spec }`; later runs get their state as well. */
export async function replicationStream(input: StreamInput): Promise<StreamView> {
  const unread = unreadable(input);
  if (unread !== null) return refuse(input, unread);
  const run = openRun(input);
  handle(run);
  // A request to cancel the workflow ends the stream as `stop` does: with nothing half written.
  CancellationScope.current().cancelRequested.catch(() => {
    requestStop(run);
  });
  publish(run);
  return CancellationScope.nonCancellable(() => live(run));
}
