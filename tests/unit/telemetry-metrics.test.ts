import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS, type MetricSpec } from '../../src/telemetry/catalog';
import { startTelemetry, tracingWanted, type Telemetry } from '../../src/telemetry/sdk';

const ORDERS = { stream: 'orders', source: 'mongodb', destination: 'mongodb' };
const LABELS = 'stream="orders",source="mongodb",destination="mongodb"';
const SPECS: readonly MetricSpec[] = Object.values(METRICS);

let telemetry: Telemetry;
beforeAll(() => {
  telemetry = startTelemetry({ version: '1.2.3', worker: 'w1', env: {}, state: { draining: false } });
});
afterAll(() => telemetry[Symbol.asyncDispose]());

const copy = {
  rows: 50,
  estimatedRows: 200,
  bytes: 5_000,
  estimatedBytes: 20_000,
  ranges: 4,
  rangesDone: 1,
  rowsPerSecond: 10,
  windowSeconds: null,
  secondsLeft: 15,
};

test('what the core counts is on the page, and gauges leave with their leg', async () => {
  const meter = telemetry.streams.meter(ORDERS);
  {
    using leg = telemetry.streams.leg(ORDERS, 'replicating');
    meter.read(100, 9_000);
    meter.applied(100, 9_000, 20);
    meter.skipped(3);
    meter.leftOut(2);
    meter.window(7_200, false);
    const quiet = { ...ORDERS, stream: 'quiet' };
    telemetry.streams.resting(quiet, 'paused', 60_000).window(60, true);
    meter.parked(1);
    meter.deltaMissed(1);
    meter.schemaChange('drop', 'applied');
    meter.copied(50, 5_000, 10);
    meter.copyProgress(copy);
    meter.lag(40);
    meter.throttled(1_500);
    meter.stepLimit(16);
    meter.slowStep('conflict');
    const verification = telemetry.streams.verification(ORDERS);
    verification.compared(700);
    verification.damaged({ missing: 3, extra: 0, different: 0 });
    verification.concluded('different');
    leg.changeFailed('key_too_large');
    meter.refused('duplicate_key', 'dead_letter');
    leg.ended('pump', 'done');
    telemetry.streams.happened({ ...ORDERS, event: 'stream.paused' });
    const page = await telemetry.page();
    expect(page).toContain(`tributary_changes_read_total{${LABELS}} 100\n`);
    expect(page).toContain(`tributary_changes_read_bytes_total{${LABELS}} 9000\n`);
    expect(page).toContain(`tributary_changes_applied_total{${LABELS}} 100\n`);
    expect(page).toContain(`tributary_changes_skipped_total{${LABELS}} 3\n`);
    expect(page).toContain(`tributary_changes_failed_total{${LABELS},code="key_too_large"} 1\n`);
    expect(page).toContain(`tributary_changes_failed_total{${LABELS},code="duplicate_key"} 1\n`);
    expect(page).toContain(`tributary_dead_letters_total{${LABELS},code="duplicate_key",policy="dead_letter"} 1\n`);
    expect(page).toContain(`tributary_schema_changes_total{${LABELS},kind="drop",outcome="applied"} 1\n`);
    expect(page).toContain(`tributary_batch_duration_seconds_bucket{${LABELS},le="0.025"} 1\n`);
    expect(page).toContain(`tributary_batch_changes_sum{${LABELS}} 100\n`);
    expect(page).toContain(`tributary_lag_seconds{${LABELS}} 0.04\n`);
    expect(page).toContain(`tributary_throttled_seconds_total{${LABELS}} 1.5\n`);
    expect(page).toContain(`tributary_stream_events_total{${LABELS},event="stream.paused"} 1\n`);
    expect(page).toContain(`tributary_step_limit_changes{${LABELS}} 16\n`);
    expect(page).toContain(`tributary_slow_steps_total{${LABELS},code="conflict"} 1\n`);
    expect(page).toContain(`tributary_snapshot_progress_ratio{${LABELS}} 0.25\n`);
    expect(page).toContain(`tributary_snapshot_left_seconds{${LABELS}} 15\n`);
    expect(page).toContain(`tributary_position_window_remaining_seconds{${LABELS}} 7200\n`);
    expect(page).toContain(`tributary_parked_namespaces{${LABELS}} 1\n`);
    expect(page).toContain(`tributary_stream_status{${LABELS},status="replicating"} 1\n`);
    expect(page).toContain('tributary_active_legs 1\n');
    expect(page).toContain(`tributary_verification_rows_total{${LABELS}} 700\n`);
    expect(page).toContain(`tributary_verification_differences_total{${LABELS},kind="missing"} 3\n`);
    expect(page).toContain(`tributary_verification_last_result_timestamp_seconds{${LABELS},verdict="different"} `);
    for (const { name } of SPECS) expect(page).toContain(`# TYPE ${name} `);
    const named = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(['target_info', ...SPECS.map(({ name }) => name)].sort());
    telemetry.streams.leg(quiet, 'replicating')[Symbol.dispose]();
  }
  meter.applied(1, 1, 1);
  const after = await telemetry.page();
  expect(after).toContain(`tributary_changes_applied_total{${LABELS}} 101\n`);
  expect(after).toContain('tributary_active_legs 0\n');
  expect(after).not.toMatch(
    /^tributary_(lag|position_window|parked|stream_status|snapshot_progress|snapshot_left|last_progress)/m,
  );
});

test('a stream without a leg has gauges until a leg begins, or they are no longer renewed', async () => {
  const { streams } = telemetry;
  const resting = streams.resting(ORDERS, 'paused', 60_000);
  resting.lag(90_000);
  resting.window(30, true);
  const page = await telemetry.page();
  expect(page).toContain(`tributary_stream_status{${LABELS},status="paused"} 1\n`);
  expect(page).toContain(`tributary_lag_seconds{${LABELS}} 90\n`);
  expect(page).toContain(`tributary_position_window_at_least_seconds{${LABELS}} 30\n`);
  expect(page).not.toContain(`tributary_position_window_remaining_seconds{`);
  expect(page).toContain('tributary_active_legs 0\n');
  streams.leg(ORDERS, 'replicating')[Symbol.dispose]();
  expect(await telemetry.page()).not.toContain('status="paused"');
  streams.resting(ORDERS, 'paused', -120_000);
  expect(await telemetry.page()).not.toContain('status="paused"');
  // An inspection that began before the leg, and was carried out after it had begun.
  using _leg = streams.leg(ORDERS, 'replicating');
  streams.meter(ORDERS).lag(1_000);
  streams.resting(ORDERS, 'paused', 60_000).lag(90_000);
  expect(await telemetry.page()).not.toContain('status="paused"');
  expect(await telemetry.page()).toContain(`tributary_lag_seconds{${LABELS}} 1\n`);
});

test("a stale leg's end does not take its successor's gauges", async () => {
  const stale = telemetry.streams.leg(ORDERS, 'replicating');
  using _successor = telemetry.streams.leg(ORDERS, 'replicating');
  telemetry.streams.meter(ORDERS).lag(1_000);
  stale[Symbol.dispose]();
  expect(await telemetry.page()).toContain(`tributary_lag_seconds{${LABELS}} 1\n`);
});

test('docs/metrics.md lists every metric with its type and labels, and nothing else', () => {
  const text = readFileSync(join(__dirname, '../../docs/metrics.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `((?!temporal_)[a-z0-9_]+)` *\| (\w+) *\| ([^|]*) \| ([^|]+) \|$/gm)].map(
    ([, name, kind, labels, help]) => ({ name, kind, labels: labels?.trim(), help: help?.trim() }),
  );
  const expected = SPECS.map(({ name, kind, labels, help }) => ({
    name,
    kind,
    labels: labels.map((label) => `\`${label}\``).join(', '),
    help,
  }));
  expect(rows).toEqual(expected);
});

test.each([
  [{}, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
  [{ OTEL_TRACES_EXPORTER: 'console' }, true],
  [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
  [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
])('tracing with %p: %p', (env, wanted) => expect(tracingWanted(env)).toBe(wanted));
