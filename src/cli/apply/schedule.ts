import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { cadenceOf, type Cadence } from '../../config/schedule';
import type { StreamSpec } from '../../config/schema';
import { verificationHowTo } from '../../protocol/how-to';
import { INPUT_VERSION, type VerificationInput } from '../../protocol/input';
import { VERIFICATION_TYPE, verificationId } from '../../protocol/names';
import { CliError } from '../failure';
import type { Temporal } from '../temporal';

/** Makes the schedule of a stream's verification what its configuration says: there, changed, or gone. */
export async function applySchedule({ client, taskQueue, namespace }: Temporal, spec: StreamSpec): Promise<void> {
  const { id, enabled, verification } = spec.stream;
  const scheduleId = verificationId(id);
  const text = verification.schedule;
  if (text === undefined || !enabled) return remove(client.schedule.getHandle(scheduleId).delete());
  const input: VerificationInput = { version: INPUT_VERSION, spec, repair: verification.repair };
  const wanted = {
    spec: specOf(text),
    action: {
      type: 'startWorkflow' as const,
      workflowType: VERIFICATION_TYPE,
      // The server adds the time.
      workflowId: verificationId(id),
      taskQueue,
      args: [input],
      staticSummary: `verification of ${id}, by its schedule`,
      staticDetails: verificationHowTo(id, namespace),
    },
    // A comparison that takes longer than its interval is not worth another one beside it.
    policies: { overlap: ScheduleOverlapPolicy.SKIP },
  };
  try {
    await client.schedule.create({ scheduleId, ...wanted });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    // The schedule's state is kept: one that was paused by hand stays paused.
    await client.schedule.getHandle(scheduleId).update(({ state }) => ({ ...wanted, state }));
  }
}

function specOf(text: string) {
  const cadence: Cadence | null = cadenceOf(text);
  if (cadence === null)
    throw new CliError('verification.schedule is neither an interval nor a cron line', 'write 24h, or "0 3 * * *"');
  return 'everyMs' in cadence ? { intervals: [{ every: cadence.everyMs }] } : { cronExpressions: [cadence.cron] };
}

async function remove(deleted: Promise<void>): Promise<void> {
  await deleted.catch((error: unknown) => {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
  });
}
