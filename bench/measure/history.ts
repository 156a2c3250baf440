import type { temporal } from '@temporalio/proto';
import type { BenchStream } from '../lab/stream';

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** What a stream's workflow has cost so far, over all of its runs. */
export interface HistoryCost {
  readonly events: number;
  /** What Temporal Cloud bills as actions, heartbeats left out: those leave no trace in history. */
  readonly actions: number;
  /** Legs of the pump. */
  readonly legs: number;
  /** Events and actions from the start of one leg to the start of the next, on average. */
  readonly eventsPerLeg: number;
  readonly actionsPerLeg: number;
}

const isAction = (event: HistoryEvent): boolean =>
  [
    event.workflowExecutionStartedEventAttributes,
    event.activityTaskScheduledEventAttributes,
    event.timerStartedEventAttributes,
    event.workflowExecutionSignaledEventAttributes,
    event.workflowExecutionUpdateAcceptedEventAttributes,
    event.upsertWorkflowSearchAttributesEventAttributes,
    event.workflowPropertiesModifiedEventAttributes,
    event.markerRecordedEventAttributes,
  ].some((attributes) => attributes !== undefined && attributes !== null);

const startsLeg = (event: HistoryEvent): boolean =>
  event.activityTaskScheduledEventAttributes?.activityType?.name === 'pump';

export async function historyCost(stream: BenchStream): Promise<HistoryCost> {
  const events = await everyEvent(stream);
  const starts = events.flatMap((event, index) => (startsLeg(event) ? [index] : []));
  const [first = 0, last = events.length] = [starts[0], starts.length > 1 ? starts.at(-1) : undefined];
  const whole = events.slice(first, last);
  const legs = Math.max(1, starts.length - 1);
  return {
    events: events.length,
    actions: events.filter(isAction).length,
    legs: starts.length,
    eventsPerLeg: whole.length / legs,
    actionsPerLeg: whole.filter(isAction).length / legs,
  };
}

/** Of all runs, from the first one on. */
async function everyEvent({ client, handle }: BenchStream): Promise<HistoryEvent[]> {
  const all: HistoryEvent[] = [];
  let run: string | undefined = handle.firstExecutionRunId;
  while (run !== undefined) {
    const { events } = await client.workflow.getHandle(handle.workflowId, run).fetchHistory();
    all.push(...(events ?? []));
    run = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return all;
}
