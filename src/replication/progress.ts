import type { Position } from './position';

/** Sums over a leg, or over the life of a stream. */
export interface Totals {
  readonly read: number;
  readonly applied: number;
  /** Changes that the ledger showed as applied before: read again, not written again. */
  readonly skipped: number;
  readonly bytes: number;
  readonly schemaChanges: number;
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
  /** Of this leg alone. */
  readonly totals: Totals;
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
}

/** Where the core counts; the telemetry of a worker implements it. */
export interface Meter {
  read(changes: number, bytes: number): void;
  applied(changes: number, bytes: number, durationMs: number): void;
  skipped(changes: number): void;
  /** A delta met a row that it did not fit, and was looked up. */
  deltaMissed(changes: number): void;
  schemaChange(kind: string): void;
  lag(ms: number): void;
  copied(rows: number, bytes: number, durationMs: number): void;
  copyProgress(progress: CopyProgress): void;
}
