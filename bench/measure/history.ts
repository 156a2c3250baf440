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
  /** Of legs that tell how far they are: they come by time, and not by leg. Each makes a workflow task. */
  readonly signals: number;
  readonly eventsPerSignal: number;
  /** Signals left out: events and actions from the start of one leg to the start of the next, on average. */
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

const isSignal = (event: HistoryEvent | undefined): boolean => event?.workflowExecutionSignaledEventAttributes != null;

const ofTask = (event: HistoryEvent): boolean =>
  [
    event.workflowTaskScheduledEventAttributes,
    event.workflowTaskStartedEventAttributes,
    event.workflowTaskCompletedEventAttributes,
  ].some((attributes) => attributes != null);

/** A signal, or one of the three events of the workflow task that it makes. */
const bySignal = (events: readonly HistoryEvent[]) => (event: HistoryEvent, at: number) =>
  isSignal(event) || (ofTask(event) && [1, 2, 3].some((back) => isSignal(events[at - back])));

export async function historyCost(stream: BenchStream): Promise<HistoryCost> {
  const all = await everyEvent(stream);
  const causedBySignal = bySignal(all);
  const events = all.filter((event, at) => !causedBySignal(event, at));
  const signals = all.filter(isSignal).length;
  const starts = events.flatMap((event, index) => (startsLeg(event) ? [index] : []));
  const [first = 0, last = events.length] = [starts[0], starts.length > 1 ? starts.at(-1) : undefined];
  const whole = events.slice(first, last);
  const legs = Math.max(1, starts.length - 1);
  return {
    events: all.length,
    actions: all.filter(isAction).length,
    signals,
    eventsPerSignal: signals === 0 ? 0 : (all.length - events.length) / signals,
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
