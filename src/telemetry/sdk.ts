import { metrics as api } from '@opentelemetry/api';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { metrics, NodeSDK, resources } from '@opentelemetry/sdk-node';
import { registerProcessMetrics, type ProcessState } from './process-metrics';
import { StreamMetrics } from './stream-metrics';

export interface Telemetry extends AsyncDisposable {
  readonly streams: StreamMetrics;
  /** True when spans leave this process. */
  readonly tracing: boolean;
  /** The metrics as Prometheus reads them. */
  page(): Promise<string>;
}

/** Read by our own page. Gauges are not cumulative, so that those of a stream that left this worker leave the page too. */
class PageReader extends metrics.MetricReader {
  constructor() {
    super({
      aggregationTemporalitySelector: (type) =>
        type === metrics.InstrumentType.OBSERVABLE_GAUGE
          ? metrics.AggregationTemporality.DELTA
          : metrics.AggregationTemporality.CUMULATIVE,
    });
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** Tracing is on when the standard variables of OpenTelemetry name an exporter or where to send spans. */
export const tracingWanted = (env: NodeJS.ProcessEnv): boolean =>
  env['OTEL_SDK_DISABLED'] !== 'true' &&
  env['OTEL_TRACES_EXPORTER'] !== 'none' &&
  ['OTEL_TRACES_EXPORTER', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].some(
    (name) => (env[name] ?? '') !== '',
  );

export interface TelemetryOptions {
  readonly version: string;
  readonly worker: string;
  readonly env: NodeJS.ProcessEnv;
  readonly state: ProcessState;
}

/** Metrics always, traces when asked for through `OTEL_…`. One per process. */
export function startTelemetry({ version, worker, env, state }: TelemetryOptions): Telemetry {
  const tracing = tracingWanted(env);
  const reader = new PageReader();
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] ?? 'tributary',
    resource: resources.resourceFromAttributes({ 'service.version': version, 'service.instance.id': worker }),
    resourceDetectors: [resources.envDetector],
    metricReaders: [reader],
    logRecordProcessors: [],
    // Left out, the SDK builds what the environment asks for; empty, it builds nothing.
    ...(tracing ? {} : { spanProcessors: [] }),
  });
  sdk.start();
  const meter = api.getMeter('tributary', version);
  const streams = new StreamMetrics(meter);
  const ofProcess = registerProcessMetrics(meter, state);
  const serializer = new PrometheusSerializer(undefined, false, undefined, false, true);
  return {
    streams,
    tracing,
    page: async () => {
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
    [Symbol.asyncDispose]: async () => {
      ofProcess[Symbol.dispose]();
      await sdk.shutdown();
      api.disable();
    },
  };
}
