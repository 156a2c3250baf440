import { condition, setHandler } from '@temporalio/workflow';
import { catchUp, validateCatchUp } from './catch-up';
import {
  catchUpUpdate,
  finalizeUpdate,
  pauseUpdate,
  reconfigureUpdate,
  restartUpdate,
  resumeUpdate,
  specQuery,
  statusQuery,
  stopUpdate,
  type FinalizeReport,
  type StreamView,
} from './messages';
import { reconfigure, validateReconfigure } from './reconfigure';
import { record } from './record';
import { assertLives, assertMoves, refusal, whyNotMoving } from './refuse';
import { beginAfresh, interrupt, type Run } from './run';
import { viewOf } from './view';

const REASON_LENGTH = 300;

const ended = ({ state }: Run): boolean => state.phase === 'ended';

const overtaken = ({ state }: Run): boolean => state.desired !== 'pause';

async function pause(run: Run, reason: string | undefined): Promise<StreamView> {
  const { state } = run;
  if (state.desired !== 'pause') {
    state.desired = 'pause';
    state.pauseReason = reason ?? null;
    record(run, 'stream.paused');
    interrupt(run);
  }
  await condition(() => run.resting || ended(run) || overtaken(run));
  if (overtaken(run)) throw refusal('overtaken', 'another command came before the stream was paused');
  return viewOf(run);
}

async function resume(run: Run): Promise<StreamView> {
  const { state } = run;
  if (state.desired === 'run' && !state.needsAttention && run.scope !== null) return viewOf(run);
  state.desired = 'run';
  state.pauseReason = null;
  beginAfresh(state);
  record(run, 'stream.resumed');
  interrupt(run);
  await condition(() => run.scope !== null || run.resting || ended(run));
  return viewOf(run);
}

async function restart(run: Run): Promise<StreamView> {
  const { state } = run;
  state.restart = true;
  state.desired = 'run';
  state.pauseReason = null;
  state.finalizing = false;
  state.until = null;
  state.caughtUp = false;
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

async function finalize(run: Run): Promise<FinalizeReport> {
  const { state } = run;
  if (!state.finalizing) {
    state.finalizing = true;
    record(run, 'stream.finalizing');
    interrupt(run);
  }
  await condition(() => ended(run) || run.resting || !state.finalizing);
  if (state.outcome !== 'finalized') throw whyNotMoving(run, 'finalize it');
  return { view: viewOf(run), findings: state.findings };
}

function validateFinalize(run: Run): void {
  assertMoves(run, 'finalize it');
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

/** Everything that a stream answers to. Validators are synchronous: what makes no sense never enters history. */
export function handle(run: Run): void {
  setHandler(statusQuery, () => viewOf(run));
  setHandler(specQuery, () => run.spec);
  setHandler(pauseUpdate, (options?: { readonly reason?: string }) => pause(run, options?.reason), {
    validator: (options?: { readonly reason?: string }) => {
      assertLives(run);
      if ((options?.reason ?? '').length > REASON_LENGTH)
        throw refusal('invalid_argument', `the reason is longer than ${REASON_LENGTH} characters`);
    },
  });
  setHandler(resumeUpdate, () => resume(run), { validator: () => assertLives(run) });
  setHandler(reconfigureUpdate, (spec) => reconfigure(run, spec), {
    validator: (spec) => validateReconfigure(run, spec),
  });
  setHandler(restartUpdate, () => restart(run), {
    validator: (options: { readonly from?: unknown } | undefined) => {
      assertLives(run);
      if (options?.from !== 'snapshot')
        throw refusal('invalid_argument', 'a stream restarts from its snapshot only: { "from": "snapshot" }');
      if (!run.state.parsed) throw refusal('not_parsed', 'the spec is not in order; reconfigure the stream first');
      if (run.spec.stream.snapshot.on_existing === 'merge')
        throw refusal(
          'merged',
          'the stream was merged into collections with rows of others, which a restart discards; to have it so, set snapshot.on_existing to "replace", apply, then restart',
        );
    },
  });
  setHandler(stopUpdate, () => stop(run), { validator: () => assertLivesOrStops(run) });
  setHandler(finalizeUpdate, () => finalize(run), { validator: () => validateFinalize(run) });
  setHandler(catchUpUpdate, (options?: { readonly timeoutMs?: number }) => catchUp(run, options?.timeoutMs), {
    validator: (options?: { readonly timeoutMs?: number }) => validateCatchUp(run, options?.timeoutMs),
  });
}

function assertLivesOrStops(run: Run): void {
  if (ended(run)) assertLives(run);
}
