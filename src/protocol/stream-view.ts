import type { Parked } from '../core/ports/destination';
import type { Finding } from '../core/model/finding';
import type { Namespace } from '../core/model/namespace';
import type { CopyProgress, LegProgress, Totals } from '../core/pump/progress';
import type { FailureInfo } from './failure';
import type { NamespaceStatus, Phase, StreamStatus } from './stream-state';

/** What the `status` query and every update answer; the documented JSON of `streams status`. */
export interface StreamView {
  readonly stream: string;
  readonly name: string;
  readonly status: StreamStatus;
  readonly phase: Phase;
  readonly source: string;
  readonly destination: string;
  /** The position for people. */
  readonly at: string | null;
  /** While no leg runs: how far the source's newest entry is beyond the position. */
  readonly lagMs: number | null;
  readonly changesPerSecond: number;
  /** When position, lag, rate and window were as they are told here; null before the first call has told. */
  readonly asOf: string | null;
  /** They are those of the running leg, whose changes `totals` counts already. */
  readonly live: boolean;
  /** For how long the source will still have what comes after the position; null where the source does not tell it. */
  readonly windowSeconds: number | null;
  /** At least so long: the source's log has forgotten nothing so far, and is not known to begin soon. */
  readonly windowAtLeast: boolean;
  /** Below it the stream is about to lose its history: `advanced.window_warning`. */
  readonly windowWarningSeconds: number | null;
  readonly epoch: number;
  readonly revision: number;
  readonly legs: number;
  readonly totals: Totals;
  /** Without the position: its token may hold the key of the last change. */
  readonly progress: Omit<LegProgress, 'position'> | null;
  readonly copy: CopyProgress | null;
  readonly namespaceCount: number;
  readonly namespaces: Readonly<Record<Namespace, NamespaceStatus>>;
  /** How many namespaces are parked, and some of them with their reasons. */
  readonly parkedCount: number;
  readonly parked: readonly Parked[];
  readonly findings: readonly Finding[];
  /** The last one. `recoveredAt` tells that it is past. */
  readonly failure: (FailureInfo & { readonly at: string; readonly recoveredAt?: string }) | null;
  /** While no leg runs: the source no longer has what comes next, or cannot be asked. */
  readonly sourceProblem: { readonly code: string; readonly message: string; readonly remedy: string } | null;
  readonly failures: number;
  /** When the next try begins, while the stream backs off. */
  readonly nextTryAt: string | null;
  readonly pauseReason: string | null;
  readonly startedAt: string;
}

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
