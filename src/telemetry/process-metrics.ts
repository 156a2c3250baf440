import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter, ObservableResult } from '@opentelemetry/api';
import { METRICS, type MetricSpec } from './catalog';

const RESOLUTION_MS = 20;

export interface ProcessState {
  readonly draining: boolean;
}

/** What the process says about itself. Returns how to stop watching the event loop. */
export function registerProcessMetrics(meter: Meter, state: ProcessState): Disposable {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const observe = ({ name, kind, help, unit }: MetricSpec, read: () => number): void => {
    const options = { description: help, unit };
    const instrument =
      kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options);
    instrument.addCallback((result: ObservableResult) => result.observe(read()));
  };
  observe(METRICS.draining, () => (state.draining ? 1 : 0));
  observe(METRICS.loopDelay, () => {
    // Node counts the interval itself as part of the delay.
    const seconds = Math.max(0, delays.percentile(99) / 1e9 - RESOLUTION_MS / 1e3);
    delays.reset();
    return seconds;
  });
  observe(METRICS.cpu, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  observe(METRICS.memory, () => process.memoryUsage.rss());
  observe(METRICS.heap, () => process.memoryUsage().heapUsed);
  return { [Symbol.dispose]: () => void delays.disable() };
}
