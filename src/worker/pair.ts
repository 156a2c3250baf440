import { Worker, type WorkerOptions } from '@temporalio/worker';
import type { Activities } from '../activities';
import { pumpQueue } from '../protocol/stream-activities';
import type { Log } from '../core/ports/connector';
import { telemetryInterceptor } from '../telemetry/interceptor';
import { streamEvents } from '../telemetry/stream-events';
import type { StreamMetrics } from '../telemetry/stream-metrics';
import { codeUnusable, workflowCode } from './bundle';
import type { TemporalConnection } from './temporal/connection';
import { polls } from './temporal/polls';
import type { WorkerSettings } from './settings';

/** Prepare, copy and finalize share the pump queue; they must find a slot while every stream has its leg. */
const HEADROOM = 4;
/** Each activity knows how often it has to beat; this only has to be more often. */
const HEARTBEAT_THROTTLE_MS = 400;
const MAX_CONTROL_ACTIVITIES = 50;
/** A task for a worker that is gone waits this long before another one gets it; replaying the short histories is cheap. */
const STICKY_MS = 1_000;

/** The two workers of a process: one for workflows and control work, one for legs. */
export interface WorkerPair {
  /** Ends when both have stopped; fails with the first error after both have. */
  run(): Promise<void>;
  readonly running: boolean;
  shutdown(): void;
}

const CONTROL: readonly (keyof Activities)[] = [
  'parse',
  'revise',
  'catchUp',
  'here',
  'inspectPosition',
  'planVerification',
  'compareRows',
  'settleDifferences',
  'compareLayout',
  'repairDifferences',
  'concludeVerification',
  'replayLetters',
];

const pick = (activities: Activities, control: boolean): Partial<Activities> =>
  Object.fromEntries(
    Object.entries(activities).filter(([name]) => CONTROL.includes(name as keyof Activities) === control),
  );

function stop(worker: Worker): void {
  if (worker.getState() === 'RUNNING') worker.shutdown();
}

export async function createPair(
  { connection, namespace }: TemporalConnection,
  { service, taskQueue, identity, graceMs, deployment }: WorkerSettings,
  activities: Activities,
  streams: StreamMetrics,
  log: Log,
): Promise<WorkerPair> {
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    identity,
    interceptors: { activity: [telemetryInterceptor(streams, log)] },
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE_MS,
    stickyQueueScheduleToStartTimeout: STICKY_MS,
    // Legs are told at once; they take the time that they need to drain, up to the grace time.
    shutdownGraceTime: 0,
    shutdownForceTime: graceMs,
    ...(deployment === undefined
      ? {}
      : {
          workerDeploymentOptions: {
            version: deployment,
            useWorkerVersioning: true,
            // A run ends on the code that it began with; each new run moves to the current version.
            defaultVersioningBehavior: 'PINNED',
          },
        }),
  };
  const slots = service.max_concurrent_streams;
  const workers = await Promise.all([
    Worker.create({
      ...common,
      ...workflowCode(),
      sinks: streamEvents(streams),
      taskQueue,
      activities: pick(activities, true),
      maxConcurrentActivityTaskExecutions: MAX_CONTROL_ACTIVITIES,
      activityTaskPollerBehavior: polls(slots),
      workflowTaskPollerBehavior: polls(slots),
    }).catch((error: unknown) => {
      throw codeUnusable(error);
    }),
    Worker.create({
      ...common,
      taskQueue: pumpQueue(taskQueue),
      activities: pick(activities, false),
      maxConcurrentActivityTaskExecutions: slots + HEADROOM,
      activityTaskPollerBehavior: polls(slots),
    }),
  ]);
  return {
    run: async () => {
      const runs = workers.map(async (worker) => {
        try {
          await worker.run();
        } finally {
          // When one worker of the pair ends, the other ends too: workflows alone would start legs that no process runs.
          workers.forEach(stop);
        }
      });
      const failed = (await Promise.allSettled(runs)).find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
    get running() {
      return workers.every((worker) => worker.getState() === 'RUNNING');
    },
    shutdown: () => workers.forEach(stop),
  };
}
