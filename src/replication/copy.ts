import type { Log } from './connector';
import type { Claim, DestinationTraits } from './destination';
import type { Position } from './position';
import type { CopyProgress, Meter } from './progress';
import type { Source } from './source';

export interface CopyOptions {
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly claim: Claim;
  /** Rows are read no earlier than here. */
  readonly since: Position;
  readonly parallelism: number;
  readonly batchSize: number;
  readonly sliceMs: number;
  readonly log: Log;
  readonly meter: Meter;
}

export interface CopyOutcome {
  readonly reason: 'done' | 'slice' | 'stopped';
  /** With `done`: a source position taken after the last read. */
  readonly inStepAfter: Position | null;
}

/** A running copy of the ledger's ranges; its progress can be read at any time. */
export interface Copy {
  readonly progress: CopyProgress;
  run(signal: AbortSignal): Promise<CopyOutcome>;
}
