import { log, metricMeter } from '@temporalio/workflow';
import type { Run } from './run';

/** Nothing changes silently: one event name, in the log and in a metric. */
export function record(run: Run, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const { epoch, phase, revision } = run.state;
  log.info(event, { event, epoch, phase, revision, ...fields });
  metricMeter
    .createCounter('tributary_stream_events', undefined, 'What happened to a stream, by event')
    .add(1, { event });
}
