import { createHash } from 'node:crypto';
import { Binary, UUID } from 'mongodb';
import type { Key } from '../../../../core/model/change';
import type {
  Barrier,
  BackfillKind,
  LaneRecord,
  Parked,
  RangeRecord,
  RepairAsk,
} from '../../../../core/ports/destination';
import type { Namespace } from '../../../../core/model/namespace';
import type { Json, Position } from '../../../../core/model/position';
import type { Range } from '../../../../core/ports/source';

/** The token is kept as text: names inside it may hold what a field of the ledger must not, and their order counts. */
export interface StoredPosition {
  readonly source: string;
  readonly history: string;
  readonly token: string;
}

interface Fenced {
  readonly stream: string;
  readonly epoch: number;
}

/** Its session's id outlives every worker, so that a successor can abort what is open on it. */
interface Writing extends Fenced {
  readonly session: Binary;
}

export interface StoredBarrier {
  readonly position: StoredPosition;
  readonly state: Barrier['state'];
  /** Source names whose identity may differ from the recorded one until the change is done. */
  readonly touches: readonly Namespace[];
}

export interface StreamDocument extends Writing {
  readonly _id: string;
  readonly kind: 'stream';
  readonly lowWater: StoredPosition | null;
  /** Counts the moves of the low water. */
  readonly sequence: number;
  /** How many lanes keys are hashed over. */
  readonly lanes: number;
  /** How many loaders have ever been let in. */
  readonly loaders: number;
  readonly barrier: StoredBarrier | null;
  /** Counts how often repairs were asked for. */
  readonly repairs?: number;
}

/** All that stays of a stream that was forgotten. A new stream of the same id begins above its epoch. */
export interface ForgottenDocument extends Fenced {
  readonly _id: string;
  readonly kind: 'forgotten';
  /** Some of its records may still be there. */
  readonly removing: boolean;
  /** Which removal that is: one that begins later takes its place, and lets it delete nothing more. */
  readonly removal?: Binary;
  readonly at: Date;
}

export interface LaneDocument extends Writing {
  readonly _id: string;
  readonly kind: 'lane';
  readonly lane: number;
  readonly sequence: number;
  readonly position: StoredPosition | null;
  /** Rows of the lane may be as the source had them here, beyond `position`. */
  readonly aheadUntil?: StoredPosition | null;
  /** Whether the layout in force has this lane. */
  readonly inForce: boolean;
}

export interface LoaderDocument extends Writing {
  readonly _id: string;
  readonly kind: 'loader';
  readonly loader: number;
}

export interface RangeDocument extends Fenced {
  readonly _id: string;
  readonly number: number;
  readonly namespace: Namespace;
  readonly sequence: number;
  readonly from: Binary | null;
  readonly to: Binary | null;
  readonly after: Binary | null;
  readonly done: boolean;
  readonly rows: number;
  readonly bytes: number;
  readonly estimatedRows: number;
  /** A later plan took its place. */
  readonly replaced: boolean;
  /** Copied by a backfill of this kind; absent where the snapshot copies it. */
  readonly inline?: BackfillKind | null;
  readonly inStepAfter?: StoredPosition | null;
}

/** What the stream knows of one of its targets. */
export interface NamespaceDocument {
  readonly _id: string;
  readonly stream: string;
  readonly source: Namespace;
  readonly target: Namespace;
  /** UUID of the collection; null once a schema change has removed it. */
  readonly identity: string | null;
  readonly wholeOrder: boolean;
  /** Written by lanes before any copy or `create` told of it, so that earlier rows may be missing. */
  readonly partial: boolean;
  /** The source's options, without what does not apply here. */
  readonly options: Binary | null;
  /** Unique and TTL indexes that wait for the end. */
  readonly held: readonly Binary[];
  /** Why it cannot go on; its changes are left out. */
  readonly parked?: Omit<Parked, 'namespace'> | null;
  /** No longer selected when the stream was last prepared. */
  readonly left?: boolean;
  /** Indexes that a schema change has asked for, and unique ones that met a value twice after a copy, not built yet. */
  readonly pending?: readonly PendingIndex[];
  /** TTL indexes that `finalize` has put in force. */
  readonly expiring?: readonly Binary[];
  /** Identity of the namespace at the source, as it was when its target was created; null after it was renamed, dropped or made. */
  readonly origin?: string | null;
  /** The target is the stream's own making, maybe before its identity is known: a start that was cut short is undone. */
  readonly made?: boolean;
  /** It is about to be made capped, which makes another collection of it. */
  readonly capping?: boolean;
  /** `finalize` has made it capped; the stream cannot write to it like this. */
  readonly capped?: boolean;
  /** UUID of a collection that was left behind (`rename_out: keep`): nothing more is written into it. */
  readonly kept?: string;
}

/** Who writes a target: one stream, or several that all have `shared_targets`. */
export interface OwnerDocument {
  /** The target. */
  readonly _id: Namespace;
  readonly shared: boolean;
  readonly holders: readonly { readonly stream: string; readonly source: Namespace; readonly at: Date }[];
}

/** A view that the stream keeps at the destination. */
export interface ViewDocument {
  readonly _id: string;
  readonly stream: string;
  readonly source: Namespace;
  readonly target: Namespace;
  /** What the server was asked for last, as options of a collection. */
  readonly asked: Binary;
  /** How the server lists that; null while it is being made. */
  readonly listed: Binary | null;
}

export interface PendingIndex {
  readonly index: Binary;
  /** Legs that have begun to build it. */
  readonly tries: number;
}

/** A row of which a fresh copy was asked for. */
export interface RepairDocument {
  readonly _id: string;
  readonly stream: string;
  readonly namespace: Namespace;
  readonly key: Binary;
  readonly reason: RepairAsk['reason'];
  /** How often it was asked for while it was open. */
  readonly times: number;
  readonly asked: Date;
}

/** Stream ids hold no `/`, so no id of one stream begins like one of another. */
export const laneId = (stream: string, lane: number): string => `${stream}/lane/${lane}`;
export const loaderId = (stream: string, loader: number): string => `${stream}/loader/${loader}`;
export const rangeId = (stream: string, number: number): string => `${stream}/range/${number}`;
export const namespaceId = (stream: string, name: Namespace): string => `${stream}/${name}`;

/** Everything whose id begins with the stream's and a slash; `0` follows `/`. */
export const belongsTo = (stream: string): { _id: { $gte: string; $lt: string } } => ({
  _id: { $gte: `${stream}/`, $lt: `${stream}0` },
});

/** Of the key's identity: a key itself may be larger than an id should be, and is data. */
export const keyDigest = ({ id }: Key): string => createHash('sha256').update(id, 'latin1').digest('hex');

export const newSessionId = (): Binary => new Binary(new UUID().buffer, Binary.SUBTYPE_UUID);

export const storePosition = ({ source, history, token }: Position): StoredPosition => ({
  source,
  history,
  token: JSON.stringify(token),
});

export const readPosition = (stored: StoredPosition | null): Position | null =>
  stored === null ? null : { source: stored.source, history: stored.history, token: JSON.parse(stored.token) as Json };

export const samePosition = (a: StoredPosition, b: StoredPosition): boolean =>
  a.source === b.source && a.history === b.history && a.token === b.token;

export const readLane = ({
  lane,
  sequence,
  position,
  aheadUntil: readAheadLimit = null,
}: LaneDocument): LaneRecord => ({
  lane,
  sequence,
  position: readPosition(position),
  readAheadLimit: readPosition(readAheadLimit),
});

export const bytesOf = (binary: Binary | null): Buffer | null => (binary === null ? null : Buffer.from(binary.buffer));
export const binaryOf = (bytes: Buffer | null): Binary | null => (bytes === null ? null : new Binary(bytes));

export const readRange = (document: RangeDocument): RangeRecord => ({
  number: document.number,
  namespace: document.namespace,
  sequence: document.sequence,
  from: bytesOf(document.from),
  to: bytesOf(document.to),
  after: bytesOf(document.after),
  done: document.done,
  rows: document.rows,
  bytes: document.bytes,
  estimatedRows: document.estimatedRows,
  backfill: document.inline ?? null,
  overlapEnd: readPosition(document.inStepAfter ?? null),
});

export const newRange = (
  { stream, epoch }: Fenced,
  number: number,
  name: Namespace,
  range: Range,
  inline: BackfillKind | null,
): RangeDocument => ({
  _id: rangeId(stream, number),
  stream,
  epoch,
  number,
  namespace: name,
  sequence: 0,
  from: binaryOf(range.from),
  to: binaryOf(range.to),
  after: null,
  done: false,
  rows: 0,
  bytes: 0,
  estimatedRows: range.estimatedRows,
  replaced: false,
  inline,
  inStepAfter: null,
});
