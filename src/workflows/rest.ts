import { condition } from '@temporalio/workflow';
import { mayContinue, untilOldMs } from './continue';
import { inspectWhenDue, untilInspectionMs } from './inspect';
import { publish } from './publish';
import type { Run } from './run';
import type { StreamState } from './state';

export const mustRest = ({ desired, needsAttention }: StreamState): boolean => desired === 'pause' || needsAttention;

/** Paused, or in need of attention: nothing is written until a person says so. Its history goes on to be lost meanwhile. */
export async function rest(run: Run): Promise<void> {
  const { nudges } = run;
  run.resting = true;
  publish(run);
  inspectWhenDue(run);
  const { inspecting } = run;
  const over = (): boolean => run.nudges !== nudges || run.inspecting !== inspecting || mayContinue(run);
  await condition(over, Math.min(untilOldMs(), untilInspectionMs(run)));
}

/** Waits before the next try; whatever a person asks for ends the wait. */
export async function backOff(run: Run): Promise<void> {
  const { nudges, delayMs } = run;
  run.nextTryAt = new Date(Date.now() + delayMs).toISOString();
  publish(run);
  inspectWhenDue(run);
  await condition(() => run.nudges !== nudges, delayMs);
  run.delayMs = 0;
  run.nextTryAt = null;
}
