export interface MetricSpec {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: string;
  readonly labels: readonly string[];
  readonly help: string;
  readonly buckets?: readonly number[];
}

/** On every metric of a stream; few values each, so that a page stays small. */
export interface StreamLabels {
  readonly stream: string;
  /** The kinds of the two sides, such as `mongodb`. */
  readonly source: string;
  readonly destination: string;
}

const STREAM = ['stream', 'source', 'destination'] as const;

const counter = (name: string, unit: string, help: string, labels: readonly string[] = []): MetricSpec => ({
  name: `tributary_${name}_total`,
  kind: 'counter',
  unit,
  labels: [...STREAM, ...labels],
  help,
});

const gauge = (name: string, unit: string, help: string, labels: readonly string[] = []): MetricSpec => ({
  name: `tributary_${name}`,
  kind: 'gauge',
  unit,
  labels: [...STREAM, ...labels],
  help,
});

const ofProcess = (name: string, kind: 'counter' | 'gauge', unit: string, help: string): MetricSpec => ({
  name,
  kind,
  unit,
  labels: [],
  help,
});

/** Every metric of a worker, apart from Temporal's own (`temporal_…`). `docs/metrics.md` lists the same. */
export const METRICS = {
  read: counter('changes_read', '{change}', 'Changes read from the source'),
  readBytes: counter('changes_read_bytes', 'By', 'Encoded size of the changes read from the source'),
  applied: counter('changes_applied', '{change}', 'Changes made durable at the destination'),
  appliedBytes: counter('changes_applied_bytes', 'By', 'Encoded size of the changes made durable at the destination'),
  skipped: counter('changes_skipped', '{change}', 'Changes that the ledger showed as applied before'),
  leftOut: counter(
    'changes_left_out',
    '{change}',
    'Changes of parked namespaces, which are left out until they are resumed',
  ),
  failed: counter('changes_failed', '{change}', 'Changes that the destination rejected, by code of the error', [
    'code',
  ]),
  deadLetters: counter('dead_letters', '{change}', 'Rejected changes that were passed, by code and policy', [
    'code',
    'policy',
  ]),
  deltaMissed: counter('deltas_missed', '{change}', 'Deltas that did not fit their row and were looked up'),
  schemaChanges: counter('schema_changes', '{change}', 'Schema changes met, by kind and outcome', ['kind', 'outcome']),
  throttled: counter('throttled_seconds', 's', 'Time for which the limits of the stream held it back'),
  batchChanges: {
    name: 'tributary_batch_changes',
    kind: 'histogram',
    unit: '{change}',
    labels: STREAM,
    help: 'Changes in a batch that was applied',
    buckets: [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000],
  },
  batchDuration: {
    name: 'tributary_batch_duration_seconds',
    kind: 'histogram',
    unit: 's',
    labels: STREAM,
    help: 'Time from handing a batch to the destination until it was durable',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  slowSteps: counter('slow_steps', '{step}', 'Steps that were not done in time and went on by halves, by code', [
    'code',
  ]),
  stepLimit: gauge(
    'step_limit_changes',
    '{change}',
    'Changes, or rows of a copy, that one step may hold: fewer while the destination is slow',
  ),
  snapshotRows: counter('snapshot_rows', '{row}', 'Rows copied by the snapshot'),
  snapshotBytes: counter('snapshot_bytes', 'By', 'Encoded size of the rows copied by the snapshot'),
  snapshotRatio: gauge('snapshot_progress_ratio', '1', 'Part of the estimated rows that the snapshot has copied'),
  snapshotLeft: gauge('snapshot_left_seconds', 's', 'Estimated time until the snapshot is done'),
  lag: gauge('lag_seconds', 's', 'Age of the newest change when it became durable; 0 when level with a silent source'),
  lastProgress: gauge(
    'last_progress_timestamp_seconds',
    's',
    'When the leg last read, applied or copied something, or learnt that the source is silent',
  ),
  window: gauge(
    'position_window_remaining_seconds',
    's',
    'For how long the source will still have what comes after the position',
  ),
  windowAtLeast: gauge(
    'position_window_at_least_seconds',
    's',
    "In place of the former while the source's log has forgotten nothing: how far before the position it begins",
  ),
  parked: gauge('parked_namespaces', '{namespace}', 'Namespaces that cannot go on until they are resumed'),
  status: gauge('stream_status', '1', 'Always 1: what this worker does for the stream at the moment', ['status']),
  legs: counter('legs', '{leg}', 'Runs of an activity that moves data, by activity and outcome', [
    'activity',
    'outcome',
  ]),
  events: counter('stream_events', '{event}', 'What happened to a stream, by event', ['event']),
  verifiedRows: counter('verification_rows', '{row}', 'Rows of the source that verifications have compared'),
  verifiedDifferences: counter(
    'verification_differences',
    '{row}',
    'Rows that verifications have proven to differ, by what they are at the destination',
    ['kind'],
  ),
  verifiedAt: gauge(
    'verification_last_result_timestamp_seconds',
    's',
    'When a verification that ended in this worker last had this verdict',
    ['verdict'],
  ),
  activeLegs: ofProcess('tributary_active_legs', 'gauge', '{leg}', 'Legs that run in this worker at the moment'),
  draining: ofProcess('tributary_draining', 'gauge', '1', '1 from the signal to stop until the process ends'),
  loopDelay: ofProcess(
    'tributary_event_loop_delay_p99_seconds',
    'gauge',
    's',
    '99th percentile of the delay of the event loop since the last scrape',
  ),
  cpu: ofProcess('process_cpu_seconds_total', 'counter', 's', 'Processor time of the worker process'),
  memory: ofProcess('process_resident_memory_bytes', 'gauge', 'By', 'Resident memory of the worker process'),
  heap: ofProcess('nodejs_heap_size_used_bytes', 'gauge', 'By', 'JavaScript heap in use'),
} as const satisfies Record<string, MetricSpec>;
