import type { EncodedRow, Key } from '../../../src/core/model/change';
import type { Namespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type { Barrier, LaneRecord, Parked, RangeRecord, RepairAsk } from '../../../src/core/ports/destination';

/** What a record says of its writer. */
export interface Fenced {
  epoch: number;
}

export interface RootRecord extends Fenced {
  lanes: number;
  lowWater: Position | null;
  /** Raised with every low water. */
  sequence: number;
  barrier: Barrier | null;
  /** How often repairs were asked for. */
  repairs: number;
}

export type LaneState = Fenced & { -readonly [field in keyof LaneRecord]: LaneRecord[field] };

export interface RangeState extends Fenced {
  range: RangeRecord;
  /** A later plan took its place. */
  replaced: boolean;
}

export interface NamespaceRecord {
  readonly source: Namespace;
  /** Of the target; null where there is none. */
  identity: string | null;
  partial: boolean;
  unfollowed: boolean;
  parked: Omit<Parked, 'namespace'> | null;
}

export interface DeadLetterRecord {
  readonly id: string;
  namespace: Namespace;
  readonly key: Key;
  state: 'open' | 'superseded';
}

export interface RepairRecord {
  readonly ask: RepairAsk;
  times: number;
}

/** A target. */
export interface Target {
  readonly identity: string;
  readonly rows: Map<string, EncodedRow>;
}

/** What a witness sees of a destination. */
export interface Watched {
  readonly targets: ReadonlyMap<Namespace, Target>;
  readonly namespaces: ReadonlyMap<Namespace, NamespaceRecord>;
  readonly deadLetters: ReadonlyMap<string, DeadLetterRecord>;
  readonly repairs: ReadonlyMap<string, RepairRecord>;
  readonly openRanges: readonly RangeRecord[];
}
