import type { CopyProgress, LegProgress, Totals } from '../replication/progress';
import type { StreamView } from './messages';

/** What people and programs see of a leg. */
export function shown(progress: LegProgress): NonNullable<StreamView['progress']> {
  const { position: _token, ...rest } = progress;
  return rest;
}

/** The source is about to forget what the stream has not read yet. One that has forgotten nothing so far is young, not short. */
export const isShort = ({ windowSeconds, windowAtLeast, windowWarningSeconds }: StreamView): boolean =>
  !windowAtLeast && windowSeconds !== null && windowWarningSeconds !== null && windowSeconds < windowWarningSeconds;

/** A view with what a running leg or copy last reported. */
export function withLive(view: StreamView, progress: LegProgress | CopyProgress): StreamView {
  const window = {
    windowSeconds: progress.windowSeconds ?? view.windowSeconds,
    windowAtLeast: progress.windowSeconds === null ? view.windowAtLeast : (progress.windowAtLeast ?? false),
  };
  if ('rowsPerSecond' in progress) return { ...view, copy: progress, ...window };
  return {
    ...view,
    at: progress.at,
    lagMs: progress.lagMs,
    changesPerSecond: progress.changesPerSecond,
    ...window,
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
