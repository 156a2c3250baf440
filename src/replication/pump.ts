import type { Claim } from './destination';
import type { Log } from './connector';
import type { Namespace } from './namespace';
import type { Position } from './position';
import type { LegProgress, Meter, Totals } from './progress';
import type { Source } from './source';
import type { DestinationTraits } from './destination';

export interface PumpOptions {
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly claim: Claim;
  /** The workflow's position: the ledger must not be behind it. */
  readonly position: Position | null;
  readonly inStepAfter: Position | null;
  readonly until: Position | null;
  /** Lanes wanted; taken as soon as all lanes are level. */
  readonly lanes: number;
  readonly batchSize: number;
  readonly updates: 'delta' | 'row';
  /** What a rename out of the selection does. */
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
  readonly sliceMs: number;
  /** The leg ends with an error when nothing, not even an idle position, has moved for this long. */
  readonly stallMs: number;
  readonly log: Log;
  readonly meter: Meter;
}

export interface PumpOutcome {
  readonly reason: 'slice' | 'stopped' | 'reached' | 'copy';
  readonly position: Position;
  readonly copy: readonly Namespace[];
  readonly totals: Totals;
}

/** A running leg: its progress can be read at any time, failed or not. */
export interface Pump {
  readonly progress: LegProgress;
  /** Runs until the slice ends, `until` is reached or the signal aborts (then with what is in flight drained: `stopped`). */
  run(signal: AbortSignal): Promise<PumpOutcome>;
}
