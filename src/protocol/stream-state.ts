import type { Parked } from '../core/ports/destination';
import type { Finding } from '../core/model/finding';
import type { Namespace } from '../core/model/namespace';
import type { Position } from '../core/model/position';
import type { CopyProgress, LegProgress, Totals } from '../core/pump/progress';
import type { FailureInfo } from './failure';
import type { PositionReport } from './stream-activities';

/** Where a stream is in its life. */
export type Phase = 'prepare' | 'snapshot' | 'replicate' | 'finalize' | 'ended';

/** What a person asked for last. */
export type Desired = 'run' | 'pause' | 'stop';

/** What a person sees; the search attribute `TributaryStatus`. */
export type StreamStatus =
  | 'preparing'
  | 'copying'
  | 'replicating'
  | 'retrying'
  | 'pausing'
  | 'paused'
  | 'needs_attention'
  | 'finalizing'
  | 'finalized'
  | 'stopped';

export type NamespaceStatus = 'copying' | 'streaming' | 'parked';

/** Everything a run needs; carried over continue-as-new. Plain JSON, under 32 KB; `INPUT_VERSION` is of it, too. */
export interface StreamState {
  phase: Phase;
  desired: Desired;
  /** Raised before every leg, copy and claim. */
  epoch: number;
  /** The destination holds a ledger of this stream: a missing one is damage from now on. */
  ledgerExists: boolean;
  /** The spec was checked and has all its defaults; people start streams with less. */
  parsed: boolean;
  /** A restart was asked for and has no new start position yet. */
  restart: boolean;
  /** The low water as last returned. */
  position: Position | null;
  /** The position for people. */
  at: string | null;
  /** Updates up to here are looked up, not applied as deltas. */
  inStepAfter: Position | null;
  /** The stream ends as soon as it has caught up: asked for, or `snapshot.mode: only`. */
  finalizing: boolean;
  /** Where a stream that is being finalized ends; taken when it begins. */
  until: Position | null;
  /** `until` was reached. */
  caughtUp: boolean;
  /** `prepare` has to create targets and plan copies before the stream goes on: at first, and when the selection has changed. */
  unprepared: boolean;
  /** Namespaces that have just been found to be unable to go on; the next calls make that durable. */
  park: readonly Parked[];
  /** Parked namespaces that a person has resumed; the next leg takes them up. */
  unpark: readonly Namespace[];
  /** Parked ones as the ledger has them: how many, and some with their reasons. */
  parkedCount: number;
  parked: readonly Parked[];
  /** Only the exceptions beyond 300 namespaces. */
  namespaces: Record<Namespace, NamespaceStatus>;
  namespaceCount: number;
  totals: Totals;
  progress: LegProgress | null;
  copyProgress: CopyProgress | null;
  findings: readonly Finding[];
  failure: (FailureInfo & { readonly at: string; readonly recoveredAt?: string }) | null;
  /** Failures in a row without progress. */
  failures: number;
  needsAttention: boolean;
  pauseReason: string | null;
  /** Length of the next leg or copy; null: begin with a short one. */
  sliceMs: number | null;
  /** How the stream ended. */
  outcome: 'finalized' | 'stopped' | null;
  /** Raised by each reconfigure. */
  revision: number;
  legs: number;
  startedAt: string;
  /** When a call last told how far the stream is. Missing before the first, and where an older version wrote. */
  seenAt?: string;
  /** What the workflow found out by itself since then. */
  inspected?: Inspected;
}

/** The position, inspected while no leg runs. */
export interface Inspected {
  /** In a row. */
  readonly inspections: number;
  readonly triedAt: string;
  /** When `report` was made. */
  readonly at: string | null;
  readonly report: PositionReport | null;
  /** Why the last inspection could not report. */
  readonly problem: { readonly code: string; readonly message: string; readonly remedy: string } | null;
}
