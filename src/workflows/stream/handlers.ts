import { CancellationScope, condition, setHandler } from '@temporalio/workflow';
import type { UpdateDefinition } from '@temporalio/common';
import type { StreamSpec } from '../../config/schema';
import {
  catchUpUpdate,
  finalizeUpdate,
  pauseUpdate,
  positionQuery,
  progressSignal,
  reconfigureUpdate,
  restartUpdate,
  resumeNamespaceUpdate,
  specQuery,
  statusQuery,
  stopUpdate,
  type FinalizeReport,
  type ProgressSignal,
  type ReconfigureOptions,
  type ResumeOptions,
} from '../../protocol/stream-messages';
import type { StreamState } from '../../protocol/stream-state';
import type { StreamView } from '../../protocol/stream-view';
import { catchUp, validateCatchUp } from './phases/catch-up';
import { heldTooLong } from './continue';
import { publish } from './publish';
import { reconfigure, validateReconfigure } from './reconfigure';
import { record } from './record';
import { mustRest } from './phases/rest';
import { assertLives, assertMoves, refusal, whyNotMoving } from './refuse';
import { beginAfresh, interrupt, type Run } from './run';
import { viewOf } from './view';

const REASON_LENGTH = 300;

/** Where a stream ends is fixed when it copies only: one moment for all rows. */
const endsByItself = ({ spec }: Run): boolean => spec.stream.snapshot.mode === 'only';

function withdrawFinalize(state: StreamState): void {
  state.finalizing = false;
  state.until = null;
  state.caughtUp = false;
}

/** What was written at the source since a stream was told to end belongs to what it has to reach. */
function endLater(run: Run): void {
  if (endsByItself(run)) return;
  run.state.until = null;
  run.state.caughtUp = false;
}

const ended = ({ state }: Run): boolean => state.phase === 'ended';

const overtaken = ({ state }: Run): boolean => state.desired !== 'pause';

async function pause(run: Run, reason: string | undefined): Promise<StreamView> {
  const { state } = run;
  if (state.desired !== 'pause') {
    state.desired = 'pause';
    state.pauseReason = reason ?? null;
    // The caller of `finalize` is told that the pause came first: the stream must not finalize by itself after a resume.
    if (!endsByItself(run)) withdrawFinalize(state);
    record(run, 'stream.paused');
    interrupt(run);
  }
  await condition(() => run.resting || ended(run) || overtaken(run));
  if (overtaken(run)) throw refusal('overtaken', 'another command came before the stream was paused');
  return viewOf(run);
}

async function resume(run: Run, namespace: string | undefined): Promise<StreamView> {
  const { state } = run;
  if (namespace !== undefined) return resumeNamespace(run, namespace);
  if (state.desired === 'run' && !state.needsAttention && run.scope !== null) return viewOf(run);
  state.desired = 'run';
  state.pauseReason = null;
  beginAfresh(state);
  endLater(run);
  record(run, 'stream.resumed');
  interrupt(run);
  await condition(() => run.scope !== null || run.resting || ended(run));
  return viewOf(run);
}

/** The next leg copies it by a backfill. A stream that rests takes it up when it is resumed. */
async function resumeNamespace(run: Run, namespace: string): Promise<StreamView> {
  const { state } = run;
  if (!state.unpark.includes(namespace)) state.unpark = [...state.unpark, namespace];
  state.park = state.park.filter((parked) => parked.namespace !== namespace);
  record(run, 'namespace.resumed', { namespace });
  if (mustRest(state)) return viewOf(run);
  const { legs } = state;
  interrupt(run);
  await condition(() => state.legs > legs || run.resting || ended(run) || heldTooLong(run));
  return viewOf(run);
}

function validateResume(run: Run, namespace: unknown): void {
  assertLives(run);
  if (namespace === undefined) return;
  if (typeof namespace !== 'string') throw refusal('invalid_argument', 'the namespace is not a text');
  const { namespaces, park, parkedCount, parked } = run.state;
  const known = namespaces[namespace] === 'parked' || park.some((each) => each.namespace === namespace);
  // Beyond those that are told of, only the ledger knows.
  if (!known && parkedCount <= parked.length) throw refusal('not_parked', `${namespace} is not parked`);
}

async function restart(run: Run): Promise<StreamView> {
  const { state } = run;
  state.restart = true;
  state.desired = 'run';
  state.pauseReason = null;
  withdrawFinalize(state);
  beginAfresh(state);
  record(run, 'stream.restarted');
  interrupt(run);
  await condition(() => !state.restart || run.resting || ended(run) || state.failures > 0);
  return viewOf(run);
}

async function stop(run: Run): Promise<StreamView> {
  requestStop(run);
  await condition(() => ended(run));
  return viewOf(run);
}

const onTheWay = (run: Run): boolean => run.state.finalizing && !run.resting && !ended(run);

async function finalize(run: Run): Promise<FinalizeReport> {
  const { state } = run;
  state.finalizing = true;
  endLater(run);
  record(run, 'stream.finalizing');
  interrupt(run);
  await condition(() => !onTheWay(run) || heldTooLong(run));
  if (onTheWay(run))
    throw refusal('takes_long', 'the stream is not there yet; it goes on, and ends by itself: look at its status');
  if (state.outcome !== 'finalized') throw whyNotMoving(run, 'finalize it');
  return { view: viewOf(run), findings: state.findings };
}

function validateFinalize(run: Run): void {
  assertMoves(run, 'finalize it');
  const { parkedCount, park } = run.state;
  if (parkedCount + park.length > 0)
    throw refusal('parked', 'namespaces are parked and not up to date; resume them, or exclude them, then finalize');
  if (run.state.phase === 'prepare' || run.state.phase === 'snapshot')
    throw refusal('copying', 'the stream is still copying; wait until it replicates, then finalize it');
}

/** Ends the stream as soon as nothing is being written; its ledger stays. */
export function requestStop(run: Run): void {
  if (run.state.desired === 'stop' || ended(run)) return;
  run.state.desired = 'stop';
  record(run, 'stream.stopping');
  interrupt(run);
}

/** A request to cancel the workflow is a stop: who has asked for something is told what came of it, and not cut off. */
function answer<T, A extends unknown[]>(
  update: UpdateDefinition<T, A>,
  description: string,
  handler: (...args: A) => Promise<T>,
  validator: (...args: A) => void,
): void {
  const answering = (...args: A) => CancellationScope.nonCancellable(() => handler(...args));
  setHandler(update, answering, { validator, description });
}

function validatePause(run: Run, reason = ''): void {
  assertLives(run);
  if (reason.length > REASON_LENGTH)
    throw refusal('invalid_argument', `the reason is longer than ${REASON_LENGTH} characters`);
}

function validateRestart(run: Run, from: unknown): void {
  assertLives(run);
  if (from !== 'snapshot')
    throw refusal('invalid_argument', 'a stream restarts from its snapshot only: { "from": "snapshot" }');
  if (!run.state.parsed) throw refusal('not_parsed', 'the spec is not in order; reconfigure the stream first');
}

function takeProgress(run: Run, { epoch, progress }: ProgressSignal): void {
  // A leg that was given up may go on for a while.
  if (run.scope === null || epoch !== run.state.epoch) return;
  run.live = { at: new Date().toISOString(), progress };
  publish(run);
}

type Given<T> = Partial<T> | undefined;

/** Everything that a stream answers to. Validators are synchronous: what makes no sense never enters history. */
export function handle(run: Run): void {
  setHandler(statusQuery, () => viewOf(run), {
    description: 'Status, position, lag, history window, totals, last error.',
  });
  setHandler(specQuery, () => run.spec, { description: 'The configuration in force; secrets are references.' });
  setHandler(positionQuery, () => run.state.position, {
    description: 'The position as the source has it. Its token may hold the key of the last change.',
  });
  setHandler(progressSignal, (signal) => takeProgress(run, signal), {
    description: 'Sent by the running leg, not by people.',
  });
  answer(
    pauseUpdate,
    'Ends the running leg and holds the stream; answers when nothing is being written. Input: {"reason": text}, or none.',
    (options: Given<{ readonly reason: string }>) => pause(run, options?.reason),
    (options: Given<{ readonly reason: string }>) => validatePause(run, options?.reason),
  );
  answer(
    resumeNamespaceUpdate,
    'Goes on after a pause, or after the stream needed attention. Input: none, or {"namespace": "database.collection"} for one that is parked.',
    (options: Given<ResumeOptions>) => resume(run, options?.namespace),
    (options: Given<ResumeOptions>) => validateResume(run, options?.namespace),
  );
  answer(
    reconfigureUpdate,
    'Puts a spec in force; answers when it is. Input: the spec, and optionally {"expectedRevision": number} to be refused when another one came before.',
    (spec: StreamSpec, options?: ReconfigureOptions) => reconfigure(run, spec, options),
    (spec: StreamSpec, options?: ReconfigureOptions) => validateReconfigure(run, spec, options),
  );
  answer(
    restartUpdate,
    'Copies everything again, deletes included, while the destination stays readable. Input: {"from": "snapshot"}.',
    () => restart(run),
    (options: Given<{ readonly from: unknown }>) => validateRestart(run, options?.from),
  );
  answer(
    stopUpdate,
    'Ends the stream when nothing is being written. Its ledger stays: started again, it goes on from there.',
    () => stop(run),
    () => assertLivesOrStops(run),
  );
  answer(
    finalizeUpdate,
    'Cut-over: runs to the source as of now, puts unique and TTL indexes in force, ends the stream.',
    () => finalize(run),
    () => validateFinalize(run),
  );
  answer(
    catchUpUpdate,
    'Answers when the stream has passed the source as of now. Input: {"timeoutMs": number}, or none.',
    (options: Given<{ readonly timeoutMs: number }>) => catchUp(run, options?.timeoutMs),
    (options: Given<{ readonly timeoutMs: number }>) => validateCatchUp(run, options?.timeoutMs),
  );
}

function assertLivesOrStops(run: Run): void {
  if (ended(run)) assertLives(run);
}
