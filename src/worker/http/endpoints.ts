import { scrub } from '../../telemetry/scrub';
import type { Telemetry } from '../../telemetry/sdk';
import { listen, read, type HttpServer } from './server';
import type { WorkerSettings } from '../settings';

/** What the probes answer from; the worker writes it. */
export interface WorkerState {
  phase: 'starting' | 'running' | 'draining';
  /** Null while Temporal answers. */
  trouble: string | null;
  readonly draining: boolean;
}

export const workerState = (): WorkerState => ({
  phase: 'starting',
  trouble: 'not connected to Temporal yet',
  get draining() {
    return this.phase === 'draining';
  },
});

export interface Endpoints extends AsyncDisposable {
  readonly healthPort: number;
  readonly metricsPort: number;
}

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
const TEMPORAL_PAGE_TIMEOUT_MS = 2_000;

async function metricsPage(telemetry: Telemetry, temporalPage: string | undefined): Promise<string> {
  const [ours, temporal] = await Promise.all([
    telemetry.page(),
    temporalPage === undefined
      ? ''
      : read(temporalPage, TEMPORAL_PAGE_TIMEOUT_MS).catch(
          (error: unknown) => `# Temporal's metrics cannot be read: ${error instanceof Error ? error.message : ''}\n`,
        ),
  ]);
  return `${ours.trimEnd()}\n${temporal}`;
}

/** `/healthz` and `/readyz` on one port, `/metrics` on the other (or all on one, where the ports are the same). */
export async function startEndpoints(
  { service, host }: WorkerSettings,
  state: WorkerState,
  telemetry: Telemetry,
  temporalPage: string | undefined,
): Promise<Endpoints> {
  const health = {
    // That it answers at all is the answer: the event loop turns.
    '/healthz': () => ({ status: 200, body: 'ok\n' }),
    '/readyz': () =>
      state.phase === 'running' && state.trouble === null
        ? { status: 200, body: 'ready\n' }
        : {
            status: 503,
            body: `${state.phase === 'running' ? '' : `${state.phase}\n`}${scrub(state.trouble ?? '')}\n`,
          },
  };
  const metrics = {
    '/metrics': async () => ({ status: 200, body: await metricsPage(telemetry, temporalPage), type: PROMETHEUS }),
  };
  const shared = service.metrics_port === service.health_port && service.metrics_port !== 0;
  const servers: HttpServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  };
  try {
    const first = await listen(shared ? { ...health, ...metrics } : health, {
      port: service.health_port,
      host,
      setting: 'health_port',
    });
    servers.push(first);
    const second = shared
      ? first
      : await listen(metrics, { port: service.metrics_port, host, setting: 'metrics_port' });
    if (!shared) servers.push(second);
    return { healthPort: first.port, metricsPort: second.port, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
