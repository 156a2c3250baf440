import type { StreamSpec } from '../config/schema';
import type { Namespace } from '../core/model/namespace';

/** Which open dead letters are replayed; all that is given has to hold. */
export interface ReplayFilter {
  readonly namespace?: Namespace;
  /** Of the error that refused them. */
  readonly code?: string;
  readonly ids?: readonly string[];
}

export interface ReplayCall {
  readonly spec: StreamSpec;
  readonly filter: ReplayFilter;
  /** Superseded or dropped in earlier calls of this replay: those dead letters are not open any more. */
  readonly settled: Pick<ReplayProgress, 'superseded' | 'dropped'>;
}

/** How far a replay is; heartbeat details, readable by people. */
export interface ReplayProgress {
  /** That were open when the replay began. */
  readonly letters: number;
  /** A full state of their row was written. */
  readonly superseded: number;
  /** Rejected again; the dead letter has the new reason. */
  readonly refused: number;
  /** Dropped while the replay ran, such as by `dead-letters drop`. */
  readonly dropped: number;
  /** The stream did not try them: it does not write their namespace at present. */
  readonly untouched: number;
}

export interface ReplayResult {
  readonly reason: 'done' | 'cancelled' | 'shutdown';
  readonly progress: ReplayProgress;
}

/** What a replay calls, on the control queue: it writes no row itself. */
export interface ReplayActivities {
  /** Asks the stream for fresh copies of the rows of open dead letters, and waits for what becomes of each. */
  replayLetters(call: ReplayCall): Promise<ReplayResult>;
}
