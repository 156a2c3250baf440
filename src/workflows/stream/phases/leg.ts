import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { LegBase } from '../../../protocol/stream-activities';
import { clipFailure } from '../../shared/bounded';
import { durationMs } from '../../shared/calls';
import { readFailure, type CallFailure } from '../../shared/failure';
import { parkFailed } from './parked';
import { decide, retryTimes, type Next } from './policy';
import { publish } from '../publish';
import { record } from '../record';
import type { Run } from '../run';

/** Before the spec is parsed there is no policy of its own. */
const PLAIN_RETRY = { maxAttempts: 0, initialMs: 1_000, maxMs: 30_000, multiplier: 2 };

/** Takes over what a failed call had reached; true when the stream has moved since the last call. */
export type Adopt = (run: Run, progress: CallFailure['progress']) => boolean;

function adoptPosition(run: Run, failure: CallFailure): boolean {
  const { position } = failure.info;
  if (position === undefined) return false;
  const moved = JSON.stringify(position) !== JSON.stringify(run.state.position);
  run.state.position = position;
  return moved;
}

function note(run: Run, failure: CallFailure): void {
  const { position: _position, ...info } = failure.info;
  run.state.failure = {
    ...info,
    message: clipFailure(info.message),
    remedy: clipFailure(info.remedy),
    at: new Date().toISOString(),
  };
  run.state.sliceMs = null;
}

function follow(run: Run, next: Next, failure: CallFailure): void {
  const { kind, code } = failure.info;
  record(run, 'stream.failed', { kind, code, failures: run.state.failures, next: next.do });
  switch (next.do) {
    case 'go_on':
      return;
    case 'wait':
      run.delayMs = next.delayMs;
      return;
    case 'need_attention':
      run.state.needsAttention = true;
      record(run, 'stream.needs_attention', { kind, code });
  }
}

function failed(run: Run, failure: CallFailure, adopt: Adopt | null, overtaken: boolean): void {
  const { state } = run;
  const moved = [adopt?.(run, failure.progress) ?? false, adoptPosition(run, failure)].includes(true);
  if (failure.cause === 'interrupted') return;
  if (failure.info.kind === 'fenced') {
    run.fencings += 1;
    state.epoch = Math.max(state.epoch, failure.info.ledgerEpoch ?? 0);
  } else {
    run.fencings = 0;
  }
  note(run, failure);
  // A person asked for something meanwhile: that is tried at once, and decides for itself.
  if (overtaken) return;
  if (failure.cause === 'stream' && state.parsed && parkFailed(run, failure.info)) return;
  state.failures = moved ? 1 : state.failures + 1;
  const times = state.parsed ? retryTimes(run.spec.stream.retry_policy, durationMs) : PLAIN_RETRY;
  follow(run, decide(failure, { failures: state.failures, fencings: run.fencings }, times, Math.random()), failure);
}

/** Runs one call that `interrupt` can end. Nothing may be awaited between the loop's read of the state and this. */
async function interruptible<T>(run: Run, call: () => Promise<T>): Promise<T> {
  const scope = new CancellationScope();
  run.scope = scope;
  run.revisionInForce = run.state.revision;
  publish(run);
  try {
    return await scope.run(call);
  } finally {
    run.scope = null;
    run.live = null;
  }
}

/** One call, interruptible; its failure is taken in and null is returned. */
export async function attempt<T>(run: Run, call: () => Promise<T>, adopt: Adopt | null = null): Promise<T | null> {
  const { nudges } = run;
  try {
    return await interruptible(run, call);
  } catch (error) {
    failed(run, readFailure(error, workflowInfo().taskQueue), adopt, run.nudges !== nudges);
    return null;
  }
}

/** A call that writes: the epoch is raised before each, so that whatever ran before it can write no more. */
export function leg<T>(run: Run, call: (base: LegBase) => Promise<T>, adopt: Adopt | null = null): Promise<T | null> {
  const { state } = run;
  state.epoch += 1;
  const base: LegBase = {
    spec: run.spec,
    epoch: state.epoch,
    ledger: state.ledgerExists ? 'existing' : 'any',
    park: state.park,
  };
  return attempt(run, () => call(base), adopt);
}

/** A call did what it should: what went wrong before is over. */
export function succeeded(run: Run): void {
  if (run.state.failures > 0) record(run, 'stream.recovered', { failures: run.state.failures });
  const { failure } = run.state;
  if (failure !== null)
    run.state.failure = { ...failure, recoveredAt: failure.recoveredAt ?? new Date().toISOString() };
  run.state.failures = 0;
  run.fencings = 0;
}
