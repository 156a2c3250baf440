import { ApplicationFailure } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import type { FailureInfo } from '../../protocol/failure';
import { readFailure } from '../shared/failure';
import type { Run } from './run';

/** What an update answers when it cannot be done; the message is for the person who asked. */
export const refusal = (type: string, message: string): ApplicationFailure =>
  ApplicationFailure.create({ type, message, nonRetryable: true });

const sentence = ({ message, remedy }: FailureInfo): string => (remedy === '' ? message : `${message}; ${remedy}`);

/** A failure that is known already, for the person who asked. */
export const failureOf = (info: FailureInfo): ApplicationFailure =>
  ApplicationFailure.create({ type: info.code, message: sentence(info), nonRetryable: true, details: [info] });

/** The failure of a call that an update made, for the person who asked. */
export function refusalOf(error: unknown): ApplicationFailure {
  // Raised by the workflow itself; what calls raise is wrapped.
  if (error instanceof ApplicationFailure) return error;
  const { info } = readFailure(error, workflowInfo().taskQueue);
  return failureOf(info);
}

export function assertLives({ state }: Run): void {
  if (state.phase === 'ended')
    throw refusal('ended', 'the stream has ended; start it again to go on from where it stopped');
  if (state.desired === 'stop') throw refusal('stopping', 'the stream is being stopped');
}

/** For updates that only a moving stream can fulfil. */
export function assertMoves(run: Run, to: string): void {
  assertLives(run);
  const { desired, needsAttention, failure } = run.state;
  if (desired === 'pause') throw refusal('paused', `the stream is paused; resume it to ${to}`);
  if (needsAttention) throw attentionNeeded(failure, to);
}

export const attentionNeeded = (failure: FailureInfo | null, to: string): ApplicationFailure =>
  refusal(
    'needs_attention',
    `the stream needs attention${failure === null ? '' : ` (${failure.code}: ${sentence(failure)})`}; resume it to ${to}`,
  );

/** Why a stream that was moving does not any more. */
export function whyNotMoving(run: Run, to: string): ApplicationFailure {
  try {
    assertMoves(run, to);
  } catch (error) {
    if (error instanceof ApplicationFailure) return error;
    throw error;
  }
  return refusal('overtaken', 'another command came in between');
}
