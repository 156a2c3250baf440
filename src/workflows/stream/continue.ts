import { allHandlersFinished, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';
import { INPUT_VERSION, type StreamInput } from '../../protocol/input';
import type { StreamView } from '../../protocol/stream-view';
import type { Run } from './run';

const HISTORY_EVENTS = 2_000;
/** So many times as long as it was when the next run was due, a history may get while updates hold that run back. */
const HELD_FACTOR = 5;
const RUN_MS = 24 * 60 * 60_000;
/** With handlers at work an old run goes on; it checks again after this long. */
const LOOK_AGAIN_MS = 60_000;

const ageMs = (): number => Date.now() - workflowInfo().runStartTime.getTime();

export const untilOldMs = (): number => Math.max(LOOK_AGAIN_MS, RUN_MS - ageMs());

/**
 * It is time for a new run, and no update would be cut off. While one is at work the legs go on, so that an update that
 * waits for the stream to move is not waited for in vain.
 */
export function mayContinue(run: Run): boolean {
  const { continueAsNewSuggested, historyLength, targetWorkerDeploymentVersionChanged } = workflowInfo();
  const due =
    continueAsNewSuggested ||
    historyLength > HISTORY_EVENTS ||
    ageMs() >= RUN_MS ||
    targetWorkerDeploymentVersionChanged;
  if (!due) return false;
  run.dueAtEvents ??= historyLength;
  return allHandlersFinished();
}

/** An update that has no end of its own has to stop waiting: the server ends a workflow whose history is too long. */
export const heldTooLong = ({ dueAtEvents }: Run): boolean =>
  dueAtEvents !== null && workflowInfo().historyLength > HELD_FACTOR * dueAtEvents;

/** Carries everything. A pinned stream moves to the worker version that is current by now. */
export const continueRun = (run: Run): Promise<never> =>
  makeContinueAsNewFunc<(input: StreamInput) => Promise<StreamView>>({ initialVersioningBehavior: 'AUTO_UPGRADE' })({
    version: INPUT_VERSION,
    spec: run.spec,
    state: run.state,
  });
