import { allHandlersFinished, makeContinueAsNewFunc, workflowInfo } from '@temporalio/workflow';
import type { Run } from './run';
import type { StreamInput } from './state';
import type { StreamView } from './messages';

const HISTORY_EVENTS = 2_000;
const RUN_MS = 24 * 60 * 60_000;
/** With handlers at work an old run goes on; it looks again after this long. */
const LOOK_AGAIN_MS = 60_000;

const ageMs = (): number => Date.now() - workflowInfo().runStartTime.getTime();

export const untilOldMs = (): number => Math.max(LOOK_AGAIN_MS, RUN_MS - ageMs());

/**
 * It is time for a new run, and no update would be cut off. While one is at work the legs go on, so that an update that
 * waits for the stream to move is not waited for in vain.
 */
export function mayContinue(): boolean {
  const { continueAsNewSuggested, historyLength, targetWorkerDeploymentVersionChanged } = workflowInfo();
  const due =
    continueAsNewSuggested ||
    historyLength > HISTORY_EVENTS ||
    ageMs() >= RUN_MS ||
    targetWorkerDeploymentVersionChanged;
  return due && allHandlersFinished();
}

/** Carries everything. A pinned stream moves to the worker version that is current by now. */
export const continueRun = (run: Run): Promise<never> =>
  makeContinueAsNewFunc<(input: StreamInput) => Promise<StreamView>>({ initialVersioningBehavior: 'AUTO_UPGRADE' })({
    spec: run.spec,
    state: run.state,
  });
