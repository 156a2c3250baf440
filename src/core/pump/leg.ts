import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, Destination, DestinationTraits, BackfillMode, Parked } from '../ports/destination';
import type { EndReason } from './ending';
import type { Limiter } from '../write/limiter';
import type { Namespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { LegProgress, Meter, Totals } from './progress';
import type { ErrorPolicy } from '../failures/rejected-changes';
import type { Source } from '../ports/source';

export interface PumpOptions {
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly destination: Pick<Destination, 'rows'>;
  readonly claim: Claim;
  /** The workflow's position: the ledger must not be behind it. */
  readonly position: Position | null;
  readonly overlapEnd: Position | null;
  readonly until: Position | null;
  /** Lanes wanted; taken as soon as all lanes are level. */
  readonly lanes: number;
  readonly batchSize: number;
  readonly limiter: Limiter;
  readonly updates: 'delta' | 'row';
  /** What a rename out of the selection does. */
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
  /** What a schema change does that the destination cannot express. */
  readonly unsupported: 'ignore' | 'needs_attention';
  /** What follows a change that the destination refuses. */
  readonly errors: ErrorPolicy;
  /** What becomes of rows that only the destination has, where the stream copies inside itself. */
  readonly copyMode: BackfillMode;
  /** Parked namespaces that a person has resumed. */
  readonly resume: readonly Namespace[];
  readonly sliceMs: number;
  /** The leg ends with an error when nothing, not even an idle position, has moved for this long. */
  readonly stallMs: number;
  /** Changes in one step at most, as the leg before has found out; null: as many as the destination takes. */
  readonly stepChanges: number | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface PumpOutcome {
  readonly reason: EndReason;
  readonly position: Position;
  /** Of the ledger, as it stands at this position. */
  readonly sequence: number;
  /** Namespaces whose backfill is not complete. */
  readonly copying: readonly Namespace[];
  readonly parked: readonly Parked[];
  /** Of those that were to be resumed. A leg may end before it comes to them. */
  readonly resumed: readonly Namespace[];
  readonly totals: Totals;
}

/** A running leg: its progress can be read at any time, failed or not. */
export interface Pump {
  readonly progress: LegProgress;
  /** Of the ledger, as it stood at the position of `progress`. */
  readonly sequence: number;
  /** The destination works on a schema change or an index; the end of the slice waits for it, for up to 23 hours. */
  readonly isBusy: boolean;
  /** Runs until the slice ends, `until` is reached or the signal aborts (then with what is in flight drained: `stopped`). */
  run(signal: AbortSignal): Promise<PumpOutcome>;
  /** What has been recorded, of a leg that was told to end and failed to do so nicely; null before anything was. */
  readonly stopped: PumpOutcome | null;
}
