import type { InjectedSinks } from '@temporalio/worker';
import type { StreamSinks } from '../protocol/stream-messages';
import type { StreamMetrics } from './stream-metrics';

/** Where workflows report what happened to their stream; once, and not when they are replayed. */
export const streamEvents = (metrics: StreamMetrics): InjectedSinks<StreamSinks> => ({
  streams: { happened: { fn: (_workflow, event) => metrics.happened(event), callDuringReplay: false } },
});
