import type { DestinationStream } from 'pino';
import type { ServiceConfig, StreamSpec } from '../config/schema';
import { abortable } from '../core/async/abortable';
import { createLogger, logTo } from '../telemetry/log';
import { startTelemetry } from '../telemetry/sdk';
import { activitiesOf } from './activities';
import { applyStreams } from './apply';
import { Closing } from './closing';
import { connectTemporal, type TemporalConnection, watchConnection } from './temporal/connection';
import { startEndpoints, workerState } from './http/endpoints';
import { createPair, type WorkerPair } from './pair';
import { failOrphanedActivities } from './orphaned-activities';
import { installRuntime } from './temporal/runtime';
import { ensureSearchAttributes } from './temporal/search-attributes';
import { workerSettings } from './settings';
import { version } from './version';

/** A worker that polls; what a caller may want to know of it. */
export interface RunningWorker {
  readonly identity: string;
  readonly taskQueue: string;
  readonly address: string;
  readonly namespace: string;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** From the start of the process to the first poll. */
  readonly startupMs: number;
}

export interface WorkerOptions {
  /** The file's `service` section; `TRIBUTARY_…` variables stand above it. */
  readonly service: ServiceConfig;
  /** Started or reconfigured as soon as the workers poll. */
  readonly apply?: readonly StreamSpec[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where log lines go; standard output when left out. */
  readonly destination?: DestinationStream;
  /** Called once, when the workers poll. A failure of it ends the worker. */
  readonly onReady?: (worker: RunningWorker) => void | Promise<void>;
}

const FLUSH_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 3_000;

/** Not longer than it is worth: a collector that is away must not keep a drained worker. */
const within = (ms: number, work: PromiseLike<unknown>): Promise<unknown> =>
  Promise.race([
    Promise.resolve(work).catch(() => undefined),
    new Promise((resolve) => setTimeout(resolve, ms).unref()),
  ]);

/**
 * Runs until the signal aborts and all legs have handed their positions back. For a process of its own, which ends by
 * `process.exit` afterwards: a start that failed or was interrupted may leave something open.
 */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const env = options.env ?? process.env;
  const settings = workerSettings(options.service, env);
  const { service, identity, taskQueue } = settings;
  const logger = await createLogger({
    level: service.log_level,
    format: service.log_format,
    base: { worker: identity },
    ...(options.destination === undefined ? {} : { destination: options.destination }),
  });
  const log = logTo(logger);
  const state = workerState();
  await using open = new Closing();
  const { metricsUrl } = await installRuntime(logger);
  const telemetry = startTelemetry({ version: version(), worker: identity, env, state });
  open.defer(() => within(FLUSH_TIMEOUT_MS, telemetry[Symbol.asyncDispose]()));
  const { healthPort, metricsPort } = open.use(await startEndpoints(settings, state, telemetry, metricsUrl));
  log('info', 'worker.starting', { version: version(), pid: process.pid, healthPort, metricsPort });

  const begin = async (): Promise<{ temporal: TemporalConnection; pair: WorkerPair }> => {
    const temporal = await connectTemporal(log, settings.connectTimeoutMs, signal);
    const watch = new AbortController();
    const watching = watchConnection(temporal, log, (trouble) => (state.trouble = trouble), watch.signal);
    open.defer(() => within(CLOSE_TIMEOUT_MS, watching));
    open.defer(() => within(CLOSE_TIMEOUT_MS, temporal.connection.close()));
    open.defer(() => watch.abort());
    const [pair] = await Promise.all([
      createPair(temporal, settings, activitiesOf(logger, telemetry.streams), telemetry.streams, log),
      ensureSearchAttributes(temporal, log),
      failOrphanedActivities(temporal, settings, log),
    ]);
    return { temporal, pair };
  };
  // Not every step of a start can be cut short; what it still does ends with the process.
  const begun = await abortable(begin(), signal).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (begun === undefined) {
    log('info', 'worker.start_interrupted');
    return;
  }
  const { temporal, pair } = begun;
  const running = pair.run();
  state.phase = 'running';
  const { address, namespace } = temporal;
  const startupMs = Math.round(process.uptime() * 1_000);
  log('info', 'worker.ready', { address, namespace, taskQueue, healthPort, metricsPort, startupMs });

  const prepare = async (): Promise<void> => {
    await options.onReady?.({ identity, taskQueue, address, namespace, healthPort, metricsPort, startupMs });
    await applyStreams(options.apply ?? [], env, log, signal);
  };
  await until(running, abortable(prepare(), signal), {
    signal,
    shutdown: () => {
      state.phase = 'draining';
      log('info', 'worker.draining', { legs: telemetry.streams.activeLegs, graceMs: settings.graceMs });
      pair.shutdown();
    },
  });
  log('info', 'worker.drained');
}

/** Ends when the workers have; they are told to as soon as the signal aborts or `begun` fails. */
async function until(
  running: Promise<void>,
  begun: Promise<void>,
  { signal, shutdown }: { readonly signal: AbortSignal; readonly shutdown: () => void },
): Promise<void> {
  if (signal.aborted) shutdown();
  signal.addEventListener('abort', shutdown, { once: true });
  const started = begun.catch((error: unknown) => {
    if (!signal.aborted) shutdown();
    throw error;
  });
  const [ran, began] = await Promise.allSettled([running, started]);
  signal.removeEventListener('abort', shutdown);
  if (ran.status === 'rejected') throw ran.reason;
  if (began.status === 'rejected' && !signal.aborted) throw began.reason;
}
