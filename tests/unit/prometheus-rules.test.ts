import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { METRICS, type MetricSpec } from '../../src/telemetry/catalog';

const file = readFileSync(join(__dirname, '../../deploy/prometheus-rules.yaml'), 'utf8');

/** As Prometheus reads a rule file: it refuses fields that it does not know. */
const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Tributary[A-Za-z]+$/),
          expr: z.string().min(1),
          for: z
            .string()
            .regex(/^\d+[smh]$/)
            .optional(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string().optional() }),
        }),
      ),
    }),
  ),
});

const SPECS: readonly MetricSpec[] = Object.values(METRICS);

const alerts = rules.parse(parse(file)).groups.flatMap((group) => group.rules);

test.each(alerts)('$alert asks for metrics and labels that there are', ({ expr, annotations }) => {
  const named = [...expr.matchAll(/\btributary_\w+/g)].map(([name]) => name);
  expect(named).not.toEqual([]);
  expect(named.filter((name) => !SPECS.some((spec) => spec.name === name))).toEqual([]);
  const labels = new Set(SPECS.filter(({ name }) => named.includes(name)).flatMap((spec) => spec.labels));
  const used = [
    ...[...expr.matchAll(/\b(?:by|on) \((\w+)\)/g)].map(([, label]) => label!),
    ...[...expr.matchAll(/\{(\w+)=/g)].map(([, label]) => label!),
  ];
  expect(used.filter((label) => !labels.has(label))).toEqual([]);
  const told = [annotations.summary, annotations.description ?? ''].join(' ').matchAll(/\$labels\.(\w+)/g);
  expect([...told].map(([, label]) => label).filter((label) => label !== 'instance' && !used.includes(label!))).toEqual(
    [],
  );
});

test('each alert stands once', () => {
  const names = alerts.map(({ alert }) => alert);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test('there is an alert for each thing that an operator has to know', () => {
  const asked = alerts.map(({ expr }) => expr).join('\n');
  for (const { name } of [
    METRICS.window,
    METRICS.lag,
    METRICS.lastProgress,
    METRICS.deadLetters,
    METRICS.parked,
    METRICS.verifiedDifferences,
  ]) {
    expect(asked).toContain(name);
  }
  expect(asked).toContain('stream.needs_attention');
});
