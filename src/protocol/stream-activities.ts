import type { StreamSpec } from '../config/schema';
import type { Parked } from '../core/ports/destination';
import type { Finding } from '../core/model/finding';
import type { Namespace } from '../core/model/namespace';
import type { Position } from '../core/model/position';
import type { CopyProgress, LegProgress, Totals } from '../core/pump/progress';
import type { WindowLeft } from '../core/plan/window';

/** Beyond this many namespaces only exceptions are named in results and in state. */
export const NAMED_NAMESPACES = 300;

/** So many parked namespaces are told with their reasons; the ledger knows all. */
export const PARKED_TOLD = 20;

/** Common to every activity that writes: the epoch is the fencing token. */
export interface LegBase {
  readonly spec: StreamSpec;
  readonly epoch: number;
  readonly ledger: 'any' | 'existing';
  /** Namespaces that cannot go on, as the last calls have shown. */
  readonly park: readonly Parked[];
}

/** What the ledger holds of parked namespaces. */
export interface ParkedReport {
  readonly count: number;
  /** At most `PARKED_TOLD`. */
  readonly some: readonly Parked[];
}

export interface PrepareLeg extends LegBase {
  /** How a copy meets rows that are there already. */
  readonly copyMode: 'refuse' | 'merge' | 'replace';
  /** Take a new start position although the ledger has one. */
  readonly restart: boolean;
  /** Plan copies; false with `snapshot.mode: never`. */
  readonly plan: boolean;
}

export interface Prepared {
  /** The ledger's low water: the start position, or where an earlier run of this stream stopped. */
  readonly position: Position;
  readonly at: string;
  /** An earlier run's ledger was found and is continued. */
  readonly resumed: boolean;
  /** Ranges are left to be copied before the stream goes on. */
  readonly copyPending: boolean;
  /** Updates up to here are looked up: set where an earlier run's copy is complete but its overlap may not be. */
  readonly inStepAfter: Position | null;
  readonly namespaceCount: number;
  /** Those that are copied now or inside the stream, or whose copy goes on; at most `NAMED_NAMESPACES` of them. */
  readonly copying: readonly Namespace[];
  /** All, when there are at most `NAMED_NAMESPACES`; empty beyond. */
  readonly namespaces: readonly Namespace[];
  readonly parked: ParkedReport;
  readonly estimate: {
    readonly rows: number;
    readonly bytes: number;
    readonly seconds: number;
    /** For how long the source's log keeps what is written now; null when the source does not tell it. */
    readonly windowSeconds: number | null;
  };
  readonly findings: readonly Finding[];
}

export interface CopyLeg extends LegBase {
  readonly sliceMs: number;
  /** Rows in one step at most, as the last copy has found out; missing: as many as come. */
  readonly stepRows?: number;
}

export interface CopyResult {
  readonly reason: 'done' | 'slice' | 'cancelled' | 'shutdown';
  readonly progress: CopyProgress;
  /** With `done`: a source position taken after the last read. */
  readonly inStepAfter: Position | null;
  readonly findings: readonly Finding[];
}

export interface PumpLeg extends LegBase {
  /** The workflow's position; the ledger's decides, and a ledger behind it is damage. */
  readonly position: Position | null;
  readonly inStepAfter: Position | null;
  /** Parked namespaces that a person has resumed. */
  readonly resume: readonly Namespace[];
  readonly sliceMs: number;
  /** Changes in one step at most, as the last leg has found out; missing: as many as the destination takes. */
  readonly stepChanges?: number;
  /** End with `reached` as soon as the low water is there. */
  readonly until: Position | null;
}

export interface PumpResult {
  readonly reason: 'slice' | 'cancelled' | 'shutdown' | 'reached';
  readonly position: Position;
  readonly progress: LegProgress;
  readonly totals: Totals;
  /** Namespaces whose backfill is not complete; at most `NAMED_NAMESPACES` of them. */
  readonly copying: readonly Namespace[];
  readonly parked: ParkedReport;
  /** Of those that were to be resumed. */
  readonly resumed: readonly Namespace[];
}

export interface Revision {
  readonly current: StreamSpec;
  /** As a person gave it. */
  readonly next: unknown;
}

export interface Revised {
  readonly spec: StreamSpec;
  /** Another selection: what it adds is copied before the stream goes on. */
  readonly reselected: boolean;
}

export interface PositionToInspect {
  readonly spec: StreamSpec;
  /** Null before there is one: then only the stream's status is metered. */
  readonly position: Position | null;
  /** What the stream does instead of running a leg. */
  readonly status: string;
  /** The next inspection comes no later. */
  readonly nextMs: number;
}

export interface PositionReport extends WindowLeft {
  /** How far the source's newest entry is beyond the position. */
  readonly lagMs: number | null;
  /** The source no longer has what comes next; null while it has. */
  readonly lost: { readonly code: string; readonly message: string; readonly remedy: string } | null;
}

export interface CatchUpInput {
  readonly spec: StreamSpec;
  readonly timeoutMs: number;
}

/** Activities that move data have their own queue, so that control work is never starved. */
export const pumpQueue = (taskQueue: string): string => `${taskQueue}-pump`;

/** They write nothing, are short, and run on the queue of the workflow itself. */
export interface ControlActivities {
  /** Fully defaulted and checked; a bad spec is `needs_attention` with every problem named. */
  parse(spec: unknown): Promise<StreamSpec>;
  /** Parses the next spec and refuses what cannot change while a stream lives (`needs_restart`). */
  revise(revision: Revision): Promise<Revised>;
  here(spec: StreamSpec): Promise<{ readonly position: Position; readonly at: string }>;
  inspectPosition(input: PositionToInspect): Promise<PositionReport>;
  catchUp(input: CatchUpInput): Promise<{ readonly target: string }>;
}

/** They write, and run on `pumpQueue`. */
export interface PumpActivities {
  prepare(leg: PrepareLeg): Promise<Prepared>;
  copy(leg: CopyLeg): Promise<CopyResult>;
  pump(leg: PumpLeg): Promise<PumpResult>;
  finalize(leg: LegBase): Promise<readonly Finding[]>;
}

/** As Temporal names them in a failure. */
export const PUMP_ACTIVITIES: Readonly<Record<keyof PumpActivities, true>> = {
  prepare: true,
  copy: true,
  pump: true,
  finalize: true,
};

/** What the workflow of a stream calls. */
export type StreamActivities = ControlActivities & PumpActivities;
