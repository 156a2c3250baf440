import type { Barrier, LaneRecord, Parked, RangeRecord } from '../../ports/destination';
import type { Namespace } from '../../model/namespace';
import type { Json, Position } from '../../model/position';
import type { RecordOp, StateRecord } from '../../ports/state-store';
import type { Positions } from './positions';

/** How a typed value is written as JSON, and read again. `needs`: as in `Positions.encode`. */
export interface Codec<T> {
  encode(value: T, positions: Positions, needs: RecordOp[]): Json;
  decode(json: Json, positions: Positions): T;
}

/** Where a schema change stands, and whose identity may differ from the recorded one until it is done. */
export interface BarrierState extends Barrier {
  readonly touches: readonly Namespace[];
}

/** What stays of a stream that was forgotten: a new one of its id begins above its epoch. */
export interface Forgotten {
  /** Some of its records may still be there. */
  readonly removing: boolean;
  /** Which removal that is: one that begins later takes its place. */
  readonly removal: string;
  /** ISO time. */
  readonly at: string;
}

/** The record of the stream itself. Its generation is the one of its lanes. */
export interface RootState {
  readonly lowWater: Position | null;
  /** How many lanes keys are hashed over. */
  readonly lanes: number;
  /** How many loaders have ever been admitted. */
  readonly loaders: number;
  readonly barrier: BarrierState | null;
  /** The generation of a plan that is decided, and may not have reached its namespaces yet. */
  readonly plan: number | null;
  /** Number of the next range. */
  readonly ranges: number;
  readonly forgotten: Forgotten | null;
}

export const newRoot = (lanes: number): RootState => ({
  lowWater: null,
  lanes,
  loaders: 0,
  barrier: null,
  plan: null,
  ranges: 0,
  forgotten: null,
});

export type LaneState = Pick<LaneRecord, 'lane' | 'position' | 'readAheadLimit'>;
export type RangeState = Omit<RangeRecord, 'sequence'>;

/** What a stream knows of one of its targets. What only the connector understands is in the record's `native`. */
export interface NamespaceState {
  readonly source: Namespace;
  readonly target: Namespace;
  /** Of the target at the destination; null once a schema change has removed it. */
  readonly identity: string | null;
  /** Of the namespace at the source when its target was made; null after it was renamed, dropped or made. */
  readonly origin: string | null;
  readonly wholeOrder: boolean;
  /** Written by lanes before any copy or `create` told of it, so that earlier rows may be missing. */
  readonly partial: boolean;
  /** The target is the stream's own making, maybe before its identity is known. */
  readonly made: boolean;
  /** Why it cannot go on; its changes are left out. */
  readonly parked: Omit<Parked, 'namespace'> | null;
  /** No longer selected when the stream was last prepared. */
  readonly unfollowed: boolean;
}

/** A derived namespace that the stream keeps, such as a view; its definition is in the record's `native`. */
export interface DerivedState {
  readonly source: Namespace;
  readonly target: Namespace;
}

/** A codec for values that hold no position and no bytes. */
const plain = <T>(): Codec<T> => ({
  encode: (value) => value as Json,
  decode: (json) => json as T,
});

export const namespaceCodec = plain<NamespaceState>();
export const derivedCodec = plain<DerivedState>();
/** Values that only name the namespace that their key stands for. */
export const nameCodec = plain<{ readonly namespace: Namespace }>();

export const rootCodec: Codec<RootState> = {
  encode: ({ lowWater, barrier, ...rest }, positions, needs) =>
    ({
      ...rest,
      lowWater: positions.encode(lowWater, needs),
      barrier: barrier && { ...barrier, position: positions.encode(barrier.position, needs) },
    }) as Json,
  decode: (json, positions) => {
    const { lowWater, barrier, ...rest } = json as unknown as Stored<RootState, 'lowWater' | 'barrier'>;
    const stored = barrier as unknown as Stored<BarrierState, 'position'> | null;
    return {
      ...rest,
      lowWater: positions.decode(lowWater),
      barrier: stored && { ...stored, position: positions.decode(stored.position) as Position },
    };
  },
};

export const laneCodec: Codec<LaneState> = {
  encode: ({ lane, position, readAheadLimit }, positions, needs) => ({
    lane,
    position: positions.encode(position, needs),
    readAheadLimit: positions.encode(readAheadLimit, needs),
  }),
  decode: (json, positions) => {
    const { lane, position, readAheadLimit } = json as unknown as Stored<LaneState, 'position' | 'readAheadLimit'>;
    return { lane, position: positions.decode(position), readAheadLimit: positions.decode(readAheadLimit) };
  },
};

type RangeBytes = 'from' | 'to' | 'after';

export const rangeCodec: Codec<RangeState> = {
  encode: ({ from, to, after, overlapEnd, ...rest }, positions, needs) => ({
    ...rest,
    from: encodeBytes(from),
    to: encodeBytes(to),
    after: encodeBytes(after),
    overlapEnd: positions.encode(overlapEnd, needs),
  }),
  decode: (json, positions) => {
    const stored = json as unknown as Stored<RangeState, RangeBytes | 'overlapEnd'>;
    return {
      ...stored,
      backfill: stored.backfill,
      from: decodeBytes(stored.from),
      to: decodeBytes(stored.to),
      after: decodeBytes(stored.after),
      overlapEnd: positions.decode(stored.overlapEnd),
    };
  },
};

/** `T` as it is stored: these fields are encoded. */
type Stored<T, Fields extends keyof T> = Omit<T, Fields> & Readonly<Record<Fields, Json>>;

export const encodeBytes = (bytes: Buffer | null): Json => bytes && bytes.toString('base64');
export const decodeBytes = (json: Json): Buffer | null =>
  typeof json === 'string' ? Buffer.from(json, 'base64') : null;

/** A record that takes the place of this one: the next of its writes, by the claim of this epoch. */
export const following = (record: StateRecord, epoch: number, value: Json): StateRecord => ({
  ...record,
  epoch,
  sequence: record.sequence + 1,
  value,
});

export type PutOp = RecordOp & { readonly op: 'put' };

export const replace = (record: StateRecord, next: StateRecord): PutOp => ({
  op: 'put',
  expect: { epoch: record.epoch, sequence: record.sequence },
  next,
});

export const remove = ({ key, epoch, sequence }: StateRecord): RecordOp => ({
  op: 'remove',
  key,
  expect: { epoch, sequence },
});
