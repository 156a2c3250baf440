import { log, proxySinks } from '@temporalio/workflow';
import type { StreamSinks } from '../../protocol/stream-messages';
import type { Run } from './run';
import { streamId } from './view';

const { streams } = proxySinks<StreamSinks>();

/** Nothing changes silently: one event name, in the log and in a metric. */
export function record(run: Run, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  const { epoch, phase, revision, parsed } = run.state;
  log.info(event, { event, epoch, phase, revision, ...fields });
  // Input that is not in order says nothing that could be a label.
  const kind = (side: 'source' | 'destination'): string => (parsed ? run.spec.stream[side].type : 'unknown');
  streams.happened({ stream: streamId(run), source: kind('source'), destination: kind('destination'), event });
}
