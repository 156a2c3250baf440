import type { Colors } from 'picocolors/types';
import { sumOf, type VerificationView } from '../../protocol/verification-messages';
import type { DifferingRow } from '../verify/keys';
import type { Live } from '../verify/verify';
import { findingsTable } from './findings';
import { facts, grid, type Look, prose } from './table';
import { age, bar, count, percent, rate, span } from './text';

export function paintVerdict(paint: Colors, status: string): string {
  if (status === 'identical') return paint.green(status);
  return status === 'different' || status === 'incomplete' || status === 'retrying'
    ? paint.red(status)
    : paint.yellow(status);
}

/** One line while it runs: how far, how fast, how long. */
export function verificationLine(view: VerificationView, live: Live | null, paint: Colors): string {
  const { findings, estimatedRows } = view;
  const rows = Math.max(findings.sourceRows, live?.verified ?? 0);
  const done = findings.ranges > 0 && findings.rangesDone === findings.ranges;
  const fraction = done ? 1 : Math.min(0.99, rows / Math.max(1, estimatedRows));
  const perSecond = live?.rowsPerSecond ?? 0;
  const left = !done && perSecond > 0 ? `${span((Math.max(0, estimatedRows - rows) / perSecond) * 1000)} left` : '';
  const differing = sumOf(findings.damaged);
  return [
    `${view.stream} ${paintVerdict(paint, view.status)}`,
    `${bar(fraction, 16)} ${percent(fraction)}`,
    `${count(rows)} of about ${count(estimatedRows)} rows`,
    ...(perSecond > 0 ? [rate(perSecond)] : []),
    ...(left === '' ? [] : [left]),
    ...(differing > 0 ? [paint.red(`${count(differing)} differ`)] : []),
    ...(view.failure === null ? [] : [`${view.failure.code}: ${view.failure.message}`]),
  ].join('  ');
}

const namespacesTable = ({ rows }: VerificationView, look: Look): string =>
  grid(
    look,
    ['NAMESPACE', 'SOURCE', 'DESTINATION', 'READ'],
    rows.map(({ namespace, sourceRows, destinationRows, done }) => [
      namespace,
      count(sourceRows),
      count(destinationRows),
      done ? 'to its end' : 'in part',
    ]),
    { right: [1, 2], wraps: [3] },
  );

const keysTable = (keys: readonly DifferingRow[], look: Look): string =>
  grid(
    look,
    ['NAMESPACE', 'DIFFERENCE', 'KEY'],
    keys.map(({ namespace, difference, state, key }) => [
      namespace,
      state === 'unsettled' ? `${difference}, perhaps` : difference,
      key,
    ]),
    { wraps: [1, 2] },
  );

/** What a verification has come to. `keys` is null where they cannot be read. */
export function verificationResult(view: VerificationView, keys: readonly DifferingRow[] | null, look: Look): string {
  const { findings } = view;
  const { missing, extra, different } = findings.damaged;
  const summary = facts(look, [
    ['Stream', view.stream],
    ['Both sides are', paintVerdict(look.paint, view.status)],
    ['Took', view.endedAt === null ? null : age(view.startedAt, Date.parse(view.endedAt))],
    [
      'Rows compared',
      `${count(findings.sourceRows)} at the source, ${count(findings.destinationRows)} at the destination`,
    ],
    ['Missing', missing === 0 ? null : count(missing)],
    ['Extra', extra === 0 ? null : count(extra)],
    ['Different', different === 0 ? null : count(different)],
    ['Unsettled', findings.unsettled === 0 ? null : count(findings.unsettled)],
    ['Repaired', view.repaired === 0 ? null : count(view.repaired)],
    ['Not proven, because', view.gaps.join('; ')],
    ['Not compared', view.notVerified.map(({ namespace, why }) => `${namespace} (${why})`).join(', ')],
  ]);
  const differing = sumOf(findings.damaged) + findings.unsettled;
  const told = keys === null ? 0 : keys.length;
  return [
    summary,
    ...(view.rows.length === 0 ? [] : ['', namespacesTable(view, look)]),
    ...(view.layout.length === 0 ? [] : ['', findingsTable(view.layout, look)]),
    ...(told === 0 || keys === null ? [] : ['', keysTable(keys, look)]),
    ...(keys !== null && differing > told && told > 0
      ? [prose(look, `and ${count(differing - told)} more; \`--limit ${differing}\` shows them`)]
      : []),
  ].join('\n');
}
