import type { Attributes, BatchObservableResult, Counter, Histogram, Meter as OtelMeter } from '@opentelemetry/api';
import type { CopyProgress, Meter } from '../core/pump/progress';
import type { VerificationMeter } from '../activities/verification/meter';
import type { LegOutcome } from './leg-outcome';
import { METRICS, type MetricSpec, type StreamLabels } from './catalog';

/** The gauges of one leg: they leave the page with it. */
interface LiveLeg {
  readonly labels: Attributes;
  readonly status: string;
  lagMs: number | undefined;
  copy: CopyProgress | undefined;
  lastProgressMs: number | undefined;
  window?: { readonly seconds: number; readonly atLeast: boolean };
  stepLimit?: number;
  parked?: number;
}

export interface Leg extends Disposable {
  ended(activity: string, outcome: LegOutcome): void;
  changeFailed(code: string): void;
}

/** What an inspection itself may take. */
const RESTING_MARGIN_MS = 60_000;

const options = ({ help, unit, buckets }: MetricSpec) => ({
  description: help,
  unit,
  ...(buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } }),
});

/** What a worker counts for its streams. */
export class StreamMetrics {
  readonly #legs = new Set<LiveLeg>();
  /** By stream: what was found out while it has no leg. */
  readonly #resting = new Map<string, LiveLeg & { readonly untilMs: number }>();
  readonly #counters = new Map<MetricSpec, Counter>();
  /** Of each stream and verdict; they stay, because a schedule may take days to the next one. */
  readonly #verified = new Map<string, { readonly labels: Attributes; readonly atMs: number }>();
  readonly #batchChanges: Histogram;
  readonly #batchDuration: Histogram;

  constructor(meter: OtelMeter) {
    for (const spec of Object.values(METRICS)) {
      const metric: MetricSpec = spec;
      if (metric.kind === 'counter' && metric.labels.length > 0) {
        this.#counters.set(metric, meter.createCounter(metric.name, options(metric)));
      }
    }
    this.#batchChanges = meter.createHistogram(METRICS.batchChanges.name, options(METRICS.batchChanges));
    this.#batchDuration = meter.createHistogram(METRICS.batchDuration.name, options(METRICS.batchDuration));
    const gauge = (spec: MetricSpec) => meter.createObservableGauge(spec.name, options(spec));
    const gauges = {
      lag: gauge(METRICS.lag),
      ratio: gauge(METRICS.snapshotRatio),
      left: gauge(METRICS.snapshotLeft),
      progress: gauge(METRICS.lastProgress),
      window: gauge(METRICS.window),
      windowAtLeast: gauge(METRICS.windowAtLeast),
      parked: gauge(METRICS.parked),
      steps: gauge(METRICS.stepLimit),
      status: gauge(METRICS.status),
      active: gauge(METRICS.activeLegs),
      verified: gauge(METRICS.verifiedAt),
    };
    const observe = (result: BatchObservableResult): void => {
      result.observe(gauges.active, this.#legs.size);
      for (const { labels, atMs } of this.#verified.values()) result.observe(gauges.verified, atMs / 1_000, labels);
      for (const { labels, status, lagMs, copy, lastProgressMs, window, parked, stepLimit } of this.#live()) {
        result.observe(gauges.status, 1, { ...labels, status });
        if (lagMs !== undefined) result.observe(gauges.lag, lagMs / 1_000, labels);
        if (lastProgressMs !== undefined) result.observe(gauges.progress, lastProgressMs / 1_000, labels);
        if (window !== undefined)
          result.observe(window.atLeast ? gauges.windowAtLeast : gauges.window, window.seconds, labels);
        if (parked !== undefined) result.observe(gauges.parked, parked, labels);
        if (stepLimit !== undefined) result.observe(gauges.steps, stepLimit, labels);
        if (copy === undefined) continue;
        result.observe(
          gauges.ratio,
          copy.estimatedRows === 0 ? 1 : Math.min(1, copy.rows / copy.estimatedRows),
          labels,
        );
        if (copy.secondsLeft !== null) result.observe(gauges.left, copy.secondsLeft, labels);
      }
    };
    meter.addBatchObservableCallback(observe, Object.values(gauges));
  }

  get activeLegs(): number {
    return this.#legs.size;
  }

  /** A leg begins in this worker; its gauges are on the page until it is disposed. */
  leg({ stream, source, destination }: StreamLabels, status: string): Leg {
    const labels = { stream, source, destination };
    const live: LiveLeg = { labels, status, lagMs: undefined, copy: undefined, lastProgressMs: undefined };
    this.#legs.add(live);
    this.#resting.delete(stream);
    return {
      ended: (activity, outcome) => this.#add(METRICS.legs, 1, { ...labels, activity, outcome }),
      changeFailed: (code) => this.#add(METRICS.failed, 1, { ...labels, code }),
      [Symbol.dispose]: () => void this.#legs.delete(live),
    };
  }

  /** A stream has no leg: its gauges are on the page until a leg begins here, or this has not been said again for so long. */
  resting({ stream, source, destination }: StreamLabels, status: string, forMs: number): Pick<Meter, 'lag' | 'window'> {
    const labels = { stream, source, destination };
    const untilMs = Date.now() + forMs + RESTING_MARGIN_MS;
    const gauges = { labels, status, lagMs: undefined, copy: undefined, lastProgressMs: undefined, untilMs };
    const live: LiveLeg & { readonly untilMs: number } = gauges;
    this.#resting.set(stream, live);
    return {
      lag: (ms) => void (live.lagMs = ms),
      window: (seconds, atLeast) => void (live.window = { seconds, atLeast }),
    };
  }

  #live(): readonly LiveLeg[] {
    const now = Date.now();
    const busy = new Set([...this.#legs].map(({ labels }) => labels['stream']));
    for (const [stream, { untilMs }] of this.#resting)
      if (untilMs < now || busy.has(stream)) this.#resting.delete(stream);
    return [...this.#legs, ...this.#resting.values()];
  }

  /** Where the core counts for one stream. */
  meter({ stream, source, destination }: StreamLabels): Meter {
    const labels = { stream, source, destination };
    // What is found out beside the rows is no progress.
    const note = (change: (leg: LiveLeg) => void): void => {
      for (const leg of this.#legs) if (leg.labels['stream'] === stream) change(leg);
    };
    const touch = (change: (leg: LiveLeg) => void = () => undefined): void => {
      for (const leg of this.#legs) {
        if (leg.labels['stream'] !== stream) continue;
        leg.lastProgressMs = Date.now();
        change(leg);
      }
    };
    return {
      read: (changes, bytes) => {
        this.#add(METRICS.read, changes, labels);
        this.#add(METRICS.readBytes, bytes, labels);
        touch();
      },
      applied: (changes, bytes, durationMs) => {
        this.#add(METRICS.applied, changes, labels);
        this.#add(METRICS.appliedBytes, bytes, labels);
        this.#batchChanges.record(changes, labels);
        this.#batchDuration.record(durationMs / 1_000, labels);
        touch();
      },
      skipped: (changes) => this.#add(METRICS.skipped, changes, labels),
      refused: (code, policy) => {
        this.#add(METRICS.failed, 1, { ...labels, code });
        this.#add(METRICS.deadLetters, 1, { ...labels, code, policy });
        touch();
      },
      window: (seconds, atLeast) => note((leg) => (leg.window = { seconds, atLeast })),
      parked: (namespaces) => note((leg) => (leg.parked = namespaces)),
      stepLimit: (changes) => note((leg) => (leg.stepLimit = changes)),
      slowStep: (code) => this.#add(METRICS.slowSteps, 1, { ...labels, code }),
      leftOut: (changes) => this.#add(METRICS.leftOut, changes, labels),
      deltaMissed: (changes) => this.#add(METRICS.deltaMissed, changes, labels),
      schemaChange: (kind, outcome) => this.#add(METRICS.schemaChanges, 1, { ...labels, kind, outcome }),
      throttled: (ms) => this.#add(METRICS.throttled, ms / 1_000, labels),
      lag: (ms) => touch((leg) => (leg.lagMs = ms)),
      copied: (rows, bytes) => {
        this.#add(METRICS.snapshotRows, rows, labels);
        this.#add(METRICS.snapshotBytes, bytes, labels);
        touch();
      },
      copyProgress: (progress) => touch((leg) => (leg.copy = progress)),
    };
  }

  /** Where verifications of one stream count. */
  verification({ stream, source, destination }: StreamLabels): VerificationMeter {
    const labels = { stream, source, destination };
    return {
      compared: (rows) => this.#add(METRICS.verifiedRows, rows, labels),
      damaged: (differences) => {
        for (const [kind, rows] of Object.entries(differences))
          if (rows > 0) this.#add(METRICS.verifiedDifferences, rows, { ...labels, kind });
      },
      concluded: (verdict) => {
        this.#verified.set(`${stream} ${verdict}`, { labels: { ...labels, verdict }, atMs: Date.now() });
      },
    };
  }

  /** What a workflow reports. */
  happened({ stream, source, destination, event }: StreamLabels & { readonly event: string }): void {
    this.#add(METRICS.events, 1, { stream, source, destination, event });
  }

  #add(spec: MetricSpec, value: number, labels: Attributes): void {
    this.#counters.get(spec)?.add(value, labels);
  }
}
