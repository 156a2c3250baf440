import { condition } from '@temporalio/workflow';
import type { StreamState } from '../../../protocol/stream-state';
import { mayContinue, untilOldMs } from '../continue';
import { inspectWhenDue, untilInspectionMs } from '../inspect';
import { publish } from '../publish';
import type { Run } from '../run';

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

/** Waits before the next try; whatever a person asks for ends the wait. A long one has its position inspected meanwhile. */
export async function backOff(run: Run): Promise<void> {
  const { nudges } = run;
  const untilMs = Date.now() + run.delayMs;
  run.nextTryAt = new Date(untilMs).toISOString();
  publish(run);
  for (;;) {
    inspectWhenDue(run);
    const { inspecting } = run;
    const leftMs = Math.max(1, untilMs - Date.now());
    const waitMs = Math.min(leftMs, untilInspectionMs(run));
    const woken = await condition(() => run.nudges !== nudges || run.inspecting !== inspecting, waitMs);
    if (run.nudges !== nudges || (!woken && waitMs === leftMs)) break;
  }
  run.delayMs = 0;
  run.nextTryAt = null;
}
