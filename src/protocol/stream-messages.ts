import { defineQuery, defineSignal, defineUpdate, type Sinks } from '@temporalio/workflow';
import type { StreamSpec } from '../config/schema';
import type { Finding } from '../core/model/finding';
import type { Namespace } from '../core/model/namespace';
import type { Position } from '../core/model/position';
import type { CopyProgress, LegProgress } from '../core/pump/progress';
import type { StreamView } from './stream-view';

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
/** The low water as the source has it, or the reference to the ledger that stands for one of more than 4 KB; for tools: a resume token holds the key of the last change. People read `at`. */
export const positionQuery = defineQuery<Position | null>('position');

/** Answers when the leg has returned and nothing is being written. */
export const pauseUpdate = defineUpdate<StreamView, [{ readonly reason?: string }]>('pause');
export const resumeUpdate = defineUpdate<StreamView>('resume');
/** The same, of one namespace that is parked: a backfill copies it anew, and the others go on meanwhile. */
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

/** What a worker counts; it says of which stream, which Temporal's own meter for workflows cannot without labels of its own. */
export interface StreamEvent {
  readonly stream: string;
  readonly source: string;
  readonly destination: string;
  readonly event: string;
}

export interface StreamSinks extends Sinks {
  readonly streams: { happened(event: StreamEvent): void };
}
