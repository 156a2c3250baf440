import type { Logger } from 'pino';
import { createActivities, type Activities } from '../activities';
import { resolveCredentials } from '../auth/resolve';
import type { StreamSpec } from '../config/schema';
import { systemClock } from '../host/clock';
import { openDestination, openSource } from '../connectors/registry';
import { logTo } from '../telemetry/log';
import type { StreamMetrics } from '../telemetry/stream-metrics';

/** The activities with the real connectors, this worker's log and its metrics. */
export const activitiesOf = (logger: Logger, streams: StreamMetrics): Activities =>
  createActivities({
    openSource,
    openDestination,
    resolveCredentials: (spec, side) => resolveCredentials(spec, side),
    log: (stream) => logTo(logger, { stream }),
    meter: ({ stream }: StreamSpec) =>
      streams.meter({ stream: stream.id, source: stream.source.type, destination: stream.destination.type }),
    verificationMeter: ({ stream }: StreamSpec) =>
      streams.verification({ stream: stream.id, source: stream.source.type, destination: stream.destination.type }),
    resting: ({ stream }: StreamSpec, status, forMs) =>
      streams.resting(
        { stream: stream.id, source: stream.source.type, destination: stream.destination.type },
        status,
        forMs,
      ),
    clock: systemClock,
  });
