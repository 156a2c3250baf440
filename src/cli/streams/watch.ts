import { setTimeout as delay } from 'node:timers/promises';
import { isShort } from '../../protocol/stream-view';
import type { Io } from '../io';
import { Outage } from '../outage';
import { emit, type Format, remark } from '../output';
import { Screen } from '../render/screen';
import { streamsTable } from '../render/streams';
import { prose, trouble } from '../render/table';
import { span } from '../render/text';
import type { Temporal } from '../temporal';
import { listStreams, observe } from './observe';
import type { StreamReport } from './report';

const REDRAW_MS = 1_000;

export interface WatchOptions {
  readonly io: Io;
  readonly format: Format;
  /** Left out: all streams. */
  readonly id?: string | undefined;
  /** Where other lines are told above the table. */
  readonly screen?: Screen;
  /** How long Temporal may be away before this ends. */
  readonly patienceMs?: number;
}

/** Draws until the signal aborts or the one stream that is watched has ended. */
export async function watch(temporal: Temporal, options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { io, format, id, screen = new Screen(io), patienceMs } = options;
  const say = (line: string): void => (format === 'table' ? screen.remark(line) : remark(io, line));
  const outage = new Outage(temporal, { say, patienceMs });
  const read = async (at: Temporal): Promise<StreamReport[]> =>
    id === undefined ? detailed(at) : [await observe(at, id)];
  while (!signal.aborted) {
    const reports = await outage.answer(read, signal).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      throw error;
    });
    if (reports === undefined) return;
    if (format === 'table') draw(screen, io, reports);
    else for (const report of reports) line(io, format, report);
    if (id !== undefined && reports.every(({ workflow }) => workflow.execution !== 'running')) return;
    await delay(REDRAW_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The list with the progress of running legs. */
const detailed = async (temporal: Temporal): Promise<StreamReport[]> =>
  Promise.all((await listStreams(temporal)).map(({ stream }) => observe(temporal, stream)));

/** What needs a person's attention, besides failures. */
function warnings(io: Io, reports: readonly StreamReport[]): string[] {
  return reports.flatMap(({ stream, view }) => {
    if (view === null) return [];
    const parked = view.parked.map(({ namespace, message }) =>
      prose(io, `${io.paint.red(stream)}: ${namespace} is parked: ${message}`),
    );
    const short = `${io.paint.red(stream)}: the source keeps what comes next for ${span((view.windowSeconds ?? 0) * 1000)} only`;
    return [...parked, ...(isShort(view) ? [prose(io, short)] : [])];
  });
}

function draw(screen: Screen, io: Io, reports: readonly StreamReport[]): void {
  const failures = reports.flatMap(({ stream, view }) =>
    view?.failure == null || view.failures === 0
      ? []
      : [trouble(io, `${io.paint.red(stream)}: ${view.failure.message}`, view.failure.remedy)],
  );
  const key = reports.map(({ stream, status, view }) => `${stream} ${status} ${view?.totals.applied ?? ''}`).join('\n');
  screen.draw([streamsTable(reports, io), ...failures, ...warnings(io, reports)].join('\n'), key);
}

/** For programs: one JSON object per line, or YAML documents. */
function line(io: Io, format: 'json' | 'yaml', report: StreamReport): void {
  if (format === 'json') io.out.write(`${JSON.stringify(report)}\n`);
  else {
    io.out.write('---\n');
    emit(io, 'yaml', report, () => '');
  }
}
