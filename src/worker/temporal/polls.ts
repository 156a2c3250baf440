import type { WorkerOptions } from '@temporalio/worker';

/**
 * Tasks that Temporal hands to the open polls of a worker that is frozen or cut off are lost until they time out, so few
 * polls are open: in proportion to the legs that such a worker would hold up anyway, and some more while tasks wait.
 * Fewer, with many legs, would leave tasks in one partition of a queue while the polls wait in the others, for a minute.
 */
const SLOTS_PER_POLL = 25;
const MOST_POLLS = 8;
const WHILE_TASKS_WAIT = 4;

/** For a worker that may run so many legs at a time. */
export function polls(slots: number): NonNullable<WorkerOptions['activityTaskPollerBehavior']> {
  const few = Math.max(1, Math.min(MOST_POLLS, Math.floor(slots / SLOTS_PER_POLL)));
  return { type: 'autoscaling', minimum: few, initial: few, maximum: WHILE_TASKS_WAIT * few };
}
