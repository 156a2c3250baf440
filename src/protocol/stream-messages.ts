import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { StreamSpec } from '../config/schema';
import type { Parked } from '../replication/destination';
import type { Finding } from '../replication/finding';
import type { Namespace } from '../replication/namespace';
import type { Position } from '../replication/position';
import type { CopyProgress, LegProgress, Totals } from '../replication/progress';
import type { FailureInfo, NamespaceStatus, Phase, StreamStatus } from './stream-state';

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
  /** For how long the source will still have what comes after the position; null where nobody can tell. */
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

export interface ResumeOptions {
  readonly namespace: Namespace;
}

export interface ReconfigureOptions {
  /** `revision` of the status that the new spec was written for; refused when the stream has another one by now. */
  readonly expectedRevision?: number;
}

export interface FinalizeReport {
  readonly view: StreamView;
  /** What could not be put in force, with remedies. */
  readonly findings: readonly Finding[];
}

export interface CaughtUp {
  /** The source's position as of the call, for people. */
  readonly target: string;
  readonly waitedMs: number;
}

/** How far the running leg is. */
export interface ProgressSignal {
  /** Of the leg: what an older one still tells counts for nothing. */
  readonly epoch: number;
  readonly progress: Omit<LegProgress, 'position'> | CopyProgress;
}

/** Sent by legs, about every minute while something moves. */
export const progressSignal = defineSignal<[ProgressSignal]>('progress');

export const statusQuery = defineQuery<StreamView>('status');
/** The spec in force: what `apply` compares a file with. References to secrets stay references. */
export const specQuery = defineQuery<StreamSpec>('spec');
/** The low water as the source has it, for tools: a resume token holds the key of the last change. People read `at`. */
export const positionQuery = defineQuery<Position | null>('position');

/** Answers when the leg has returned and nothing is being written. */
export const pauseUpdate = defineUpdate<StreamView, [{ readonly reason?: string }]>('pause');
export const resumeUpdate = defineUpdate<StreamView>('resume');
/** The same, of one namespace that is parked: it is taken up by a copy inside the stream, and the others go on meanwhile. */
export const resumeNamespaceUpdate = defineUpdate<StreamView, [ResumeOptions]>('resume');
/** Answers when the new spec is in force. */
export const reconfigureUpdate = defineUpdate<StreamView, [StreamSpec, ReconfigureOptions?]>('reconfigure');
/** Takes a new start position and goes on from there; meanwhile all rows are compared and mended, deletes included. */
export const restartUpdate = defineUpdate<StreamView, [{ from: 'snapshot' }]>('restart');
/** Answers when nothing is being written any more; the workflow then ends. Its ledger stays: starting it again resumes. */
export const stopUpdate = defineUpdate<StreamView>('stop');
/** Runs to the source's position as of the call, puts held indexes in force, and ends the workflow. */
export const finalizeUpdate = defineUpdate<FinalizeReport>('finalize');
/** Answers when the stream has passed the source's position as of the call. */
export const catchUpUpdate = defineUpdate<CaughtUp, [{ readonly timeoutMs?: number }]>('catchUp');
