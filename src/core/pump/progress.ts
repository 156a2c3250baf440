import type { Position } from '../model/position';

/** Sums over a leg, or over the life of a stream. */
export interface Totals {
  readonly read: number;
  readonly applied: number;
  /** Changes that the ledger showed as applied before: read again, not written again. */
  readonly skipped: number;
  readonly bytes: number;
  readonly schemaChanges: number;
  /** Changes that the destination rejected, and that were passed. Missing where an older version counted. */
  readonly refused?: number;
}

/** What a leg last knew; the pump's heartbeat details, readable by people. */
export interface LegProgress {
  /** The low water. */
  readonly position: Position | null;
  /** The position for people: its source time. */
  readonly at: string;
  /** Age of the newest change when it became durable at the destination; 0 when level with a silent source. */
  readonly lagMs: number | null;
  readonly changesPerSecond: number;
  /** For how long the source will still have what comes after the position; null: unknown. */
  readonly windowSeconds: number | null;
  /** At least so long: the source's log has forgotten nothing so far. Missing where an older version told. */
  readonly windowAtLeast?: boolean;
  /** Backfills; null when there are none. */
  readonly copies: CopiesProgress | null;
  /** Of this leg alone. */
  readonly totals: Totals;
  /** Changes in one step at most, while the destination is too slow for more; null or missing where it is not. */
  readonly stepChanges?: number | null;
}

/** How far the backfills are. */
export interface CopiesProgress {
  readonly namespaces: number;
  readonly rows: number;
  readonly estimatedRows: number;
}

export interface CopyProgress {
  readonly rows: number;
  readonly estimatedRows: number;
  readonly bytes: number;
  readonly estimatedBytes: number;
  readonly ranges: number;
  readonly rangesDone: number;
  readonly rowsPerSecond: number;
  /** Null until a rate is known. */
  readonly secondsLeft: number | null;
  /** As with a leg, of the position that the stream will start from. */
  readonly windowSeconds: number | null;
  readonly windowAtLeast?: boolean;
  /** Rows in one step at most, while the destination is too slow for more; null or missing where it is not. */
  readonly stepRows?: number | null;
}

/** Where the core counts; the telemetry of a worker implements it. */
export interface Meter {
  read(changes: number, bytes: number): void;
  applied(changes: number, bytes: number, durationMs: number): void;
  skipped(changes: number): void;
  /** A change that the destination refuses was passed. */
  refused(code: string, policy: 'skip' | 'dead_letter'): void;
  /** For how long the source will still have what comes after the position. */
  window(seconds: number, atLeast: boolean): void;
  /** Namespaces that cannot go on. */
  parked(namespaces: number): void;
  /** Changes of parked namespaces. */
  leftOut(changes: number): void;
  /** A delta met a row that it did not fit, and was looked up. */
  deltaMissed(changes: number): void;
  /** `outcome`: `applied`, `copied`, `ignored` (the destination cannot express it) or `repeated` (met again after a crash). */
  schemaChange(kind: string, outcome: 'applied' | 'copied' | 'ignored' | 'repeated'): void;
  lag(ms: number): void;
  /** For how long the stream's limits held it back. */
  throttled(ms: number): void;
  /** Changes or rows that one step may hold from now on. */
  stepLimit(changes: number): void;
  /** A step that the destination did not finish in time. */
  slowStep(code: string): void;
  copied(rows: number, bytes: number, durationMs: number): void;
  copyProgress(progress: CopyProgress): void;
}
