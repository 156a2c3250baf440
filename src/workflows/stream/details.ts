import { isShort, type StreamView } from '../../protocol/stream-view';
import { count, plain } from '../shared/markdown';

function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(n) / 10));
  return `${(n / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step] ?? 'B'}`;
}

export function timeSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function copied(view: StreamView): string {
  const { copy } = view;
  if (copy === null) return '';
  const of = copy.estimatedRows > 0 ? ` of about ${count(copy.estimatedRows)}` : '';
  // An estimate may be too low: "100 %" is for a copy whose ranges are all done.
  const done = copy.rangesDone >= copy.ranges;
  const share = copy.estimatedRows > 0 ? Math.min(99, Math.floor((100 * copy.rows) / copy.estimatedRows)) : 0;
  const left = done || copy.secondsLeft === null ? '' : `, ${timeSpan(copy.secondsLeft * 1000)} left`;
  return `${count(copy.rows)}${of} rows (${done ? 100 : share} %), ${bytes(copy.bytes)}, ${count(copy.rowsPerSecond)} rows/s${left}`;
}

function steps({ copy, phase, progress }: StreamView): string {
  const most = phase === 'snapshot' ? copy?.stepRows : progress?.stepChanges;
  return most == null ? '' : `of ${count(most)} at most: the destination is slow`;
}

function namespaces(view: StreamView): string {
  const waiting = Object.values(view.namespaces).filter((status) => status !== 'streaming').length;
  return waiting === 0 ? count(view.namespaceCount) : `${count(view.namespaceCount)} (${count(waiting)} not streaming)`;
}

function parked({ parkedCount, parked: some }: StreamView): string {
  if (parkedCount === 0) return '';
  const [first] = some;
  return `${count(parkedCount)}${first === undefined ? '' : `, such as ${first.namespace} (**${first.code}**)`}`;
}

function historyWindow(view: StreamView): string {
  const { windowSeconds: left, windowAtLeast: atLeast } = view;
  if (left === null) return '';
  return `${atLeast ? 'at least ' : ''}${timeSpan(left * 1000)}${isShort(view) ? ' **about to be lost**' : ''}`;
}

function failure({ failure: last }: StreamView): readonly [string, string] {
  if (last === null) return ['Last error', ''];
  const { code, message, remedy, at, namespace, recoveredAt } = last;
  if (recoveredAt !== undefined) return ['Past error', `${at} ${code}, over since ${recoveredAt}: ${message}`];
  const text = `${at} **${code}**${namespace === undefined ? '' : ` (${namespace})`}: ${message}${remedy === '' ? '' : ` — ${remedy}`}`;
  return ['Last error', text];
}

function source({ sourceProblem: problem }: StreamView): string {
  return problem === null ? '' : `**${problem.code}**: ${problem.message} — ${problem.remedy}`;
}

/** The short markdown table that the web UI shows for a workflow. */
export function detailsOf(view: StreamView): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Status', `**${view.status}**${view.pauseReason === null ? '' : ` (${view.pauseReason})`}`],
    ['Phase', view.phase],
    ['Position', view.at ?? 'not taken yet'],
    ['Lag', view.lagMs === null ? '' : timeSpan(view.lagMs)],
    ['History window', historyWindow(view)],
    ['Rate', view.progress === null ? '' : `${count(view.changesPerSecond)} changes/s`],
    ['Steps', steps(view)],
    ['Copied', copied(view)],
    ['Applied', `${count(view.totals.applied)} changes, ${bytes(view.totals.bytes)}`],
    ['Namespaces', namespaces(view)],
    ['Parked', parked(view)],
    ['Failures in a row', view.failures === 0 ? '' : count(view.failures)],
    ['Next try', view.nextTryAt ?? ''],
    ['Source', source(view)],
    failure(view),
    ['As of', view.asOf ?? ''],
  ];
  const lines = rows.filter(([, value]) => value !== '').map(([name, value]) => `| ${name} | ${plain(value)} |`);
  return [`| Stream | ${plain(view.stream)} |`, '| --- | --- |', ...lines].join('\n');
}
