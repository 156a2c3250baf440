import type { Colors } from 'picocolors/types';
import { isShort, type StreamView } from '../../protocol/stream-view';
import type { CopiesProgress, CopyProgress } from '../../core/pump/progress';
import type { StreamReport } from '../streams/report';
import { findingsTable } from './findings';
import { facts, grid, type Look, prose, trouble } from './table';
import { age, bar, bytes, count, percent, rate, span } from './text';

const GOOD = new Set(['replicating', 'finalized']);
const BAD = new Set(['needs_attention', 'retrying', 'unknown']);
const HEAD = ['STREAM', 'STATUS', 'PROGRESS', 'LAG', 'RATE', 'APPLIED', 'COPIED', 'AT'];
/** Heartbeats come every two seconds, and some are late. */
const NOW_MS = 10_000;
/** STATUS, PROGRESS, AT and AS OF have words. Where the list is too wide, AT goes, then COPIED: `streams status` has them. */
const OPTIONS = { right: [3, 4, 5, 6], wraps: [1, 2, 7, 8], spare: [7, 6] };

export function paintStatus(paint: Colors, status: string): string {
  if (GOOD.has(status)) return paint.green(status);
  return BAD.has(status) ? paint.red(status) : paint.yellow(status);
}

const lag = (view: StreamView): string => (view.lagMs === null ? '-' : span(view.lagMs));
const fraction = (copy: CopyProgress): number =>
  copy.ranges > 0 && copy.rangesDone === copy.ranges ? 1 : Math.min(0.99, copy.rows / Math.max(1, copy.estimatedRows));

/** How old the figures of a view are; a running leg's heartbeat is as of now. */
const asOf = ({ asOf: at }: StreamView): string | null => {
  if (at === null) return null;
  return Date.now() - Date.parse(at) < NOW_MS ? 'now' : `${age(at)} ago`;
};

export const copyBar = (copy: CopyProgress): string => `${bar(fraction(copy), 12)} ${percent(fraction(copy))}`;

function progress(view: StreamView): string {
  if (view.phase === 'prepare') return 'preparing';
  if (view.phase === 'snapshot') return view.copy === null ? 'planning' : copyBar(view.copy);
  return view.copy === null ? '-' : 'copy done';
}

function currentRate(view: StreamView): string {
  return rate(view.phase === 'snapshot' ? (view.copy?.rowsPerSecond ?? 0) : view.changesPerSecond);
}

/** One line per stream; the same columns in `list`, `watch` and the demo, and how old they are where one is not as of now. */
export function streamsTable(reports: readonly StreamReport[], look: Look): string {
  const { paint } = look;
  if (reports.length === 0) return 'no streams; start some with `tributary apply -f FILE`';
  const rows = reports.map(({ stream, status, view }) =>
    view === null
      ? [stream, paintStatus(paint, status), 'no worker answers', '-', '-', '-', '-', '-']
      : [
          stream,
          paintStatus(paint, status) +
            (view.parkedCount === 0 ? '' : paint.red(` (${count(view.parkedCount)} parked)`)),
          progress(view),
          lag(view),
          currentRate(view),
          count(view.totals.applied),
          view.copy === null ? '-' : count(view.copy.rows),
          view.at ?? '-',
        ],
  );
  const ages = reports.map(({ view }) => (view === null ? '-' : (asOf(view) ?? '-')));
  if (ages.every((each) => each === '-' || each === 'now')) return grid(look, HEAD, rows, OPTIONS);
  const aged = rows.map((row, at) => [...row, ages[at] ?? '-']);
  return grid(look, [...HEAD, 'AS OF'], aged, OPTIONS);
}

/** Everything about one stream. */
export function streamDetails(report: StreamReport, look: Look): string {
  const { workflow, view } = report;
  const blocks = [
    facts(look, [
      ['stream', report.stream],
      ['status', paintStatus(look.paint, report.status)],
      ...(view === null ? [] : viewFacts(view)),
      ['workflow', `${workflow.id} (${workflow.execution}, started ${age(workflow.startedAt)} ago)`],
      ['task queue', `${workflow.taskQueue}${report.worker === 'silent' ? ': no worker answers' : ''}`],
    ]),
  ];
  if (view !== null) blocks.push(...viewBlocks(view, look));
  return blocks.join('\n\n');
}

function historyWindow(view: StreamView): string | null {
  if (view.windowSeconds === null) return null;
  const left = `${view.windowAtLeast ? 'at least ' : ''}${span(view.windowSeconds * 1000)} left`;
  return isShort(view) ? `${left}: keep more of the source's log, or find out what holds the stream up` : left;
}

function viewFacts(view: StreamView): [string, string | null][] {
  const { totals, copy } = view;
  return [
    ['name', view.name === view.stream ? null : view.name],
    ['phase', view.phase],
    ['paused', view.pauseReason],
    ['next try', view.nextTryAt],
    ['source', view.source],
    ['destination', view.destination],
    ['as of', asOf(view)],
    ['position', view.at],
    ['lag', lag(view)],
    ['history window', historyWindow(view)],
    ['rate', `${rate(view.changesPerSecond)} changes`],
    ['changes', `${count(totals.applied)} applied of ${count(totals.read)} read, ${bytes(totals.bytes)}`],
    [
      'refused',
      (totals.refused ?? 0) === 0
        ? null
        : `${count(totals.refused ?? 0)} changes: tributary dead-letters list --stream ${view.stream}`,
    ],
    ['skipped', totals.skipped === 0 ? null : `${count(totals.skipped)} applied before`],
    ['schema', totals.schemaChanges === 0 ? null : `${count(totals.schemaChanges)} schema changes`],
    ['steps', stepsFact(view)],
    ['copy', copy === null ? null : copyFacts(copy)],
    ['copies', copiesFact(view.progress?.copies ?? null)],
    ['epoch', `${view.epoch} (${view.legs} legs, configuration ${view.revision})`],
  ];
}

/** Told only where the destination holds the stream up. */
function stepsFact({ copy, phase, progress: leg }: StreamView): string | null {
  const most = phase === 'snapshot' ? copy?.stepRows : leg?.stepChanges;
  if (most == null) return null;
  return `${count(most)} ${phase === 'snapshot' ? 'rows' : 'changes'} at most: the destination does not finish larger ones in time`;
}

function copiesFact(copies: CopiesProgress | null): string | null {
  if (copies === null) return null;
  const { namespaces, rows, estimatedRows } = copies;
  return `${count(namespaces)} namespaces inside the stream, ${count(rows)} of about ${count(estimatedRows)} rows`;
}

function copyFacts(copy: CopyProgress): string {
  const left = copy.secondsLeft === null || fraction(copy) === 1 ? '' : `, ${span(copy.secondsLeft * 1000)} left`;
  return `${copyBar(copy)}  ${count(copy.rows)} rows, ${bytes(copy.bytes)}, ${copy.rangesDone} of ${copy.ranges} ranges${left}`;
}

function parkedBlocks(view: StreamView, look: Look): string[] {
  const rows = view.parked.map(({ namespace, code, message, remedy, at }) => [
    look.paint.red(namespace),
    `${message} (${code}, ${age(at)} ago)`,
    remedy,
  ]);
  const more = view.parkedCount - rows.length;
  return [
    ...(rows.length === 0 ? [] : [grid(look, ['PARKED', 'WHY', 'REMEDY'], rows, { wraps: [1, 2] })]),
    ...(more > 0 ? [`… and ${count(more)} more parked namespaces`] : []),
    prose(look, `then: tributary streams resume ${view.stream} --namespace ${onlyOf(view) ?? 'NAME'}`, '  '),
  ];
}

/** The one that is parked, where it is only one. */
const onlyOf = ({ parked, parkedCount }: StreamView): string | undefined =>
  parkedCount === 1 ? parked[0]?.namespace : undefined;

function viewBlocks(view: StreamView, look: Look): string[] {
  const { paint } = look;
  const blocks: string[] = [];
  const names = Object.entries(view.namespaces);
  if (names.length > 0) {
    blocks.push(grid(look, ['NAMESPACE', 'STATUS'], names));
    if (view.namespaceCount > names.length) blocks.push(`… of ${count(view.namespaceCount)} namespaces`);
  }
  if (view.parkedCount > 0) blocks.push(...parkedBlocks(view, look));
  if (view.findings.length > 0) blocks.push(findingsTable(view.findings, look));
  if (view.sourceProblem !== null) {
    const { code, message, remedy } = view.sourceProblem;
    blocks.push(trouble(look, `${paint.red(`source (${code})`)}: ${message}`, remedy));
  }
  if (view.failure?.recoveredAt !== undefined) {
    const { code, message, at, recoveredAt } = view.failure;
    blocks.push(prose(look, `past failure (${code}, ${age(at)} ago, over since ${age(recoveredAt)}): ${message}`));
  } else if (view.failure !== null) {
    const { code, message, remedy, at } = view.failure;
    const repeated = view.failures > 1 ? `, ${count(view.failures)} in a row` : '';
    blocks.push(trouble(look, `${paint.red(`last failure (${code}, ${age(at)} ago${repeated})`)}: ${message}`, remedy));
  }
  return blocks;
}
