import { hostname } from 'node:os';
import { durationMs } from '../config/values/duration';
import { serviceSchema, type ServiceConfig } from '../config/schema';
import { TASK_QUEUE } from '../protocol/names';

/** Wrong settings: one line for a person, no stack. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

export interface WorkerSettings {
  readonly service: ServiceConfig;
  readonly taskQueue: string;
  /** Names this worker in Temporal and in logs. */
  readonly identity: string;
  /** The identity was configured: a worker of this name that starts is the one that was there before. */
  readonly comesBack: boolean;
  /** Where the HTTP endpoints listen; all interfaces when undefined. */
  readonly host: string | undefined;
  readonly connectTimeoutMs: number;
  readonly graceMs: number;
  /** Only where an operator rolls out versions with Temporal's worker deployments: unset, every version takes every run. */
  readonly deployment: { readonly deploymentName: string; readonly buildId: string } | undefined;
}

const NUMERIC = new Set(['metrics_port', 'health_port', 'max_concurrent_streams']);
const CONNECT_TIMEOUT_MS = 180_000;

const present = (value: string | undefined): value is string => value !== undefined && value !== '';

/** `TRIBUTARY_LOG_LEVEL` and its like stand above the file's `service` section. */
function overridden(service: ServiceConfig, env: NodeJS.ProcessEnv): ServiceConfig {
  const values: Record<string, unknown> = { ...service };
  for (const name of Object.keys(serviceSchema.parse({}))) {
    const value = env[`TRIBUTARY_${name.toUpperCase()}`];
    if (present(value)) values[name] = NUMERIC.has(name) ? Number(value) : value;
  }
  const result = serviceSchema.safeParse(values);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    ({ path, message }) => `TRIBUTARY_${path.join('_').toUpperCase()}: ${message}`,
  );
  throw new SettingsError(problems.join('; '));
}

function deploymentOf({
  TRIBUTARY_DEPLOYMENT: deploymentName,
  TRIBUTARY_BUILD_ID: buildId,
}: NodeJS.ProcessEnv): WorkerSettings['deployment'] {
  if (!present(deploymentName) && !present(buildId)) return undefined;
  if (present(deploymentName) && present(buildId)) return { deploymentName, buildId };
  throw new SettingsError('TRIBUTARY_DEPLOYMENT and TRIBUTARY_BUILD_ID: set both, or neither');
}

export function workerSettings(base: ServiceConfig, env: NodeJS.ProcessEnv): WorkerSettings {
  const service = overridden(base, env);
  const timeout = env['TRIBUTARY_CONNECT_TIMEOUT'];
  if (present(timeout) && !/^\d+(ms|s|m)$/.test(timeout)) {
    throw new SettingsError('TRIBUTARY_CONNECT_TIMEOUT: expected a duration such as "3m"');
  }
  const queue = env['TRIBUTARY_TASK_QUEUE'];
  const worker = env['TRIBUTARY_WORKER_IDENTITY'];
  return {
    service,
    taskQueue: present(queue) ? queue : TASK_QUEUE,
    identity: present(worker) ? worker : `${hostname()}:${process.pid}`,
    comesBack: present(worker),
    host: present(env['TRIBUTARY_HTTP_HOST']) ? env['TRIBUTARY_HTTP_HOST'] : undefined,
    connectTimeoutMs: present(timeout) ? durationMs(timeout) : CONNECT_TIMEOUT_MS,
    graceMs: durationMs(service.graceful_shutdown_timeout),
    deployment: deploymentOf(env),
  };
}
