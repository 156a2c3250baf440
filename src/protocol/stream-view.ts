import type { CopyProgress, LegProgress, Totals } from '../replication/progress';
import type { StreamView } from './stream-messages';

type Shown = LegProgress | Omit<LegProgress, 'position'>;

/** What people and programs see of a leg. */
export function shown(progress: Shown): NonNullable<StreamView['progress']> {
  const { position: _token, ...rest } = progress as LegProgress;
  return rest;
}

/** The source is about to forget what the stream has not read yet. One that has forgotten nothing so far is young, not short. */
export const isShort = ({ windowSeconds, windowAtLeast, windowWarningSeconds }: StreamView): boolean =>
  !windowAtLeast && windowSeconds !== null && windowWarningSeconds !== null && windowSeconds < windowWarningSeconds;

/** A view with what a running leg or copy last reported. */
export function withLive(view: StreamView, progress: Shown | CopyProgress, asOf: string): StreamView {
  const window = {
    windowSeconds: progress.windowSeconds ?? view.windowSeconds,
    windowAtLeast: progress.windowSeconds === null ? view.windowAtLeast : (progress.windowAtLeast ?? false),
  };
  const fresh = { ...view, ...window, asOf, live: true, sourceProblem: null };
  if ('rowsPerSecond' in progress) return { ...fresh, copy: progress };
  const before = view.live && view.progress !== null ? sum(view.totals, view.progress.totals, -1) : view.totals;
  return {
    ...fresh,
    at: progress.at,
    lagMs: progress.lagMs,
    changesPerSecond: progress.changesPerSecond,
    progress: shown(progress),
    totals: sum(before, progress.totals),
  };
}

/** Of the legs before, and of the one that runs. */
const sum = (a: Totals, b: Totals, sign: 1 | -1 = 1): Totals => ({
  read: a.read + sign * b.read,
  applied: a.applied + sign * b.applied,
  skipped: a.skipped + sign * b.skipped,
  bytes: a.bytes + sign * b.bytes,
  schemaChanges: a.schemaChanges + sign * b.schemaChanges,
  refused: (a.refused ?? 0) + sign * (b.refused ?? 0),
});
