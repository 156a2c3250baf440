import type { CopyProgress, LegProgress, Totals } from '../replication/progress';
import type { StreamView } from './messages';

/** What people and programs see of a leg. */
export function shown(progress: LegProgress): NonNullable<StreamView['progress']> {
  const { position: _token, ...rest } = progress;
  return rest;
}

/** A view with what a running leg or copy last reported. */
export function withLive(view: StreamView, progress: LegProgress | CopyProgress): StreamView {
  if ('rowsPerSecond' in progress) return { ...view, copy: progress, windowSeconds: progress.windowSeconds };
  return {
    ...view,
    at: progress.at,
    lagMs: progress.lagMs,
    changesPerSecond: progress.changesPerSecond,
    windowSeconds: progress.windowSeconds ?? view.windowSeconds,
    progress: shown(progress),
    totals: sum(view.totals, progress.totals),
  };
}

/** The view holds what earlier legs returned; the heartbeat counts the running leg alone. */
const sum = (a: Totals, b: Totals): Totals => ({
  read: a.read + b.read,
  applied: a.applied + b.applied,
  skipped: a.skipped + b.skipped,
  bytes: a.bytes + b.bytes,
  schemaChanges: a.schemaChanges + b.schemaChanges,
  refused: (a.refused ?? 0) + (b.refused ?? 0),
});
