import type { Change, EncodedRow, Key, SchemaChange } from '../model/change';
import type { Finding } from '../model/finding';
import type { DeadLetter, DeadLetterFilter, DeadLetterKey, DeadLetterSummary } from '../model/dead-letter';
import type { Derived, Namespace, SourceNamespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { Interval, Range, RowBatch } from './source';
import type { Verification } from './verification';

/** How a destination differs from others. The core asks here and never for a kind. */
export interface DestinationTraits {
  readonly kind: string;
  /** The encodings it takes as they are. */
  readonly accepts: readonly 'bson'[];
  /** Rows and ledger are written in one atomic step: nothing is written twice, and the ledger alone decides where to resume. */
  readonly transactions: boolean;
  readonly deltas: boolean;
  /** Limits of one `apply` or `load`; a single larger change goes alone. */
  readonly maxChanges: number;
  readonly maxBytes: number;
}

/** What the destination keeps of one lane. */
export interface LaneRecord {
  readonly lane: number;
  /** Raised by one with every durable write of the lane. */
  readonly sequence: number;
  /** Everything that the lane got up to here is durable; null before its first write. */
  readonly position: Position | null;
  /** Rows of the lane may be as the source had them here, beyond `position`; null where none is. */
  readonly readAheadLimit: Position | null;
}

/** Where a schema change stands. `intent`: the change was begun; `done`: it has ended. */
export interface Barrier {
  readonly position: Position;
  readonly state: 'intent' | 'done';
}

/** Copy progress of one range. `sequence` is raised with every durable load. */
export interface RangeRecord extends Range {
  /** Number of the range inside its stream. */
  readonly number: number;
  readonly namespace: Namespace;
  readonly sequence: number;
  readonly after: Buffer | null;
  readonly done: boolean;
  readonly rows: number;
  readonly bytes: number;
  /** Copied by a backfill of the pump while the stream goes on; null where it is copied before that. */
  readonly backfill: BackfillKind | null;
  /** Of a backfill that is complete: updates up to here are looked up. */
  readonly overlapEnd: Position | null;
}

/** Rows that the source does not have go with `repair`, and stay with `merge`. */
export type BackfillMode = 'repair' | 'merge';

/** `once`: rows of a namespace that is not followed. Those that the destination lacks are added, and nothing else is done. */
export type BackfillKind = BackfillMode | 'once';

/** A namespace that cannot go on: its changes are left out until it is resumed by a copy. */
export interface Parked {
  readonly namespace: Namespace;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  /** ISO time. */
  readonly at: string;
}

/** What the destination remembers of a stream, as read after the claim set its epoch on every record. */
export interface Ledger {
  readonly epoch: number;
  /** All before it is durable in every lane: the resume point. Null until the start position is recorded. */
  readonly lowWater: Position | null;
  /** Counts the moves of the low water. A ledger that was restored from an older state has a lower one. */
  readonly sequence: number;
  /** One record per lane of the layout in force; keys were hashed over exactly this many lanes. */
  readonly lanes: readonly LaneRecord[];
  readonly barrier: Barrier | null;
  readonly ranges: readonly RangeRecord[];
  /** Source names of namespaces whose identity at the destination is no longer the recorded one: to be copied anew. */
  readonly replaced: readonly Namespace[];
  /** Source names of every namespace that the stream has ever prepared or planned. */
  readonly known: readonly Namespace[];
  /** Those of them that the stream did not follow for a while: their changes were not read. */
  readonly unfollowed: readonly Namespace[];
  readonly parked: readonly Parked[];
}

export interface ClaimRequest {
  readonly stream: string;
  readonly epoch: number;
  /** Lanes of a ledger that does not exist yet; an existing ledger keeps its layout until `layout()`. */
  readonly lanes: number;
  /** `existing`: a missing ledger is an error (`ledger_missing`), because the stream has written before. */
  readonly expect: 'any' | 'existing';
}

/** A change that the destination refuses, and that is passed. */
export interface RejectedChange {
  /** As it was rejected last: a full state where the row was looked up. */
  readonly change: Change;
  readonly code: string;
  /** Holds no row and no key. */
  readonly message: string;
  /** Tries since the last time that this was written down. */
  readonly attempts: number;
  /** The open dead letter of this row, where it has one. */
  readonly deadLetter: string | null;
  /** Keeps the change itself. */
  readonly kept: boolean;
  /** Passed for now: its row is asked for again, and judged then. */
  readonly waits?: boolean;
}

/** What one lane writes in one atomic step. */
export interface LanePart {
  readonly lane: number;
  /** The lane's sequence before this part. */
  readonly expected: number;
  /** In order; the pump has folded them, so that a key has one full state followed by deltas, or one delete. */
  readonly changes: readonly Change[];
  /** Recorded with the write; null when the part ends inside a batch whose changes have no position of their own. */
  readonly position: Position | null;
  /** Beyond the snapshot's overlap: inserts are expected to be new, deltas to match. */
  readonly pastOverlap: boolean;
  /** Looked-up rows among these are as the source had them here at the latest. */
  readonly readAheadLimit?: Position;
  /** Changes that are passed by dead letters. */
  readonly rejected?: readonly RejectedChange[];
  /** Dead letters of rows of which this has a full state. */
  readonly superseded?: readonly string[];
  /** What takes longer is given up, and answered with `too_slow` once nothing of it can come any more; missing: as long as it takes. */
  readonly withinMs?: number;
}

/** Rows of a namespace that is copied once. */
export interface AddPart {
  readonly range: RangeRecord;
  readonly rows: readonly EncodedRow[];
  /** The place of the source up to which these are all rows after that of the range. */
  readonly upTo: Buffer;
}

/** What one loader writes in one atomic step. */
export interface LoadPart {
  readonly loader: number;
  readonly range: RangeRecord;
  readonly rows: readonly EncodedRow[];
  readonly bytes: number;
  readonly after: Buffer | null;
  readonly done: boolean;
  /** As with a lane's part. */
  readonly withinMs?: number;
}

export interface Written {
  /** False when the ledger shows that this very part was written before (an unknown commit that had succeeded). */
  readonly fresh: boolean;
  /** The dead letter of each rejected change, in order. */
  readonly deadLetters?: readonly string[];
}

/** How the destination must look before a namespace is copied. */
export type CopyMode = 'refuse' | 'merge' | 'replace';

/** A row of which a verification, a replay or a copy wants a fresh copy. */
export interface RepairAsk {
  /** As the source names it. */
  readonly namespace: Namespace;
  readonly key: Key;
  readonly reason: 'copy' | 'replay' | 'verify' | 'waiting';
}

/** A row that the stream was asked to copy again. */
export interface RepairRequest {
  /** Of this asking: who asks again while it is worked on makes another one of it. */
  readonly id: string;
  readonly namespace: Namespace;
  /** In the source's encoding. */
  readonly key: Buffer;
  readonly reason: RepairAsk['reason'];
}

export interface LedgerSummary {
  readonly epoch: number;
  readonly lowWater: Position | null;
  /** Counts the moves of the low water. */
  readonly sequence: number;
  /** Namespaces whose backfill is not complete, parked ones left out. */
  readonly copying: readonly Namespace[];
}

/** The low water has moved. */
export interface Advanced {
  /** The ledger's, with this move counted. */
  readonly sequence: number;
  /** How often repairs were asked for. */
  readonly repairs: number;
}

/** What a destination keeps of a stream beside the rows of its targets. */
export interface Kept {
  /** How many there are of each kind. */
  readonly records: {
    readonly ledger: number;
    readonly ranges: number;
    readonly namespaces: number;
    /** Targets of which it is recorded that the stream writes them. */
    readonly owners: number;
    readonly derived: number;
    readonly repairs: number;
    readonly deadLetters: number;
    readonly verification: number;
  };
  /** Targets that the stream has written. Their rows do not belong to it. */
  readonly targets: readonly Namespace[];
  /** Unique and TTL indexes that `finalize` would have put in force. */
  readonly heldIndexes: number;
}

/** A target that another stream writes. */
export interface OwnedTarget {
  readonly namespace: Namespace;
  readonly target: Namespace;
  /** Ids of the other streams. */
  readonly owners: readonly string[];
  /** Both are set up to write it together. */
  readonly shared: boolean;
}

/** Which of these rows the source does not have any more. */
export type Absent = (namespace: Namespace, keys: readonly Key[], signal: AbortSignal) => Promise<readonly Key[]>;

/** A database that is written. Every method rejects with a `ReplicationError` only. */
export interface Destination extends AsyncDisposable {
  readonly traits: DestinationTraits;
  inspect(signal: AbortSignal): Promise<readonly Finding[]>;
  /** The destination's name of a source namespace. */
  target(namespace: Namespace): Namespace;
  /** Which targets of these hold rows already. */
  occupied(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Namespace[]>;
  /** What the targets of these have that may get in the way of rows, or change them; nothing where there is no target yet. */
  inspectTargets(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly Finding[]>;
  /** Which targets of these another stream has, as the destination remembers it. */
  ownedByOthers(namespaces: readonly Namespace[], signal: AbortSignal): Promise<readonly OwnedTarget[]>;
  /** Fences every older epoch, then reads. Rejects with `fenced` when the ledger is at `epoch` or above already. */
  claim(request: ClaimRequest, signal: AbortSignal): Promise<Claim>;
  /** Reads the ledger without a claim: null when there is none. */
  readLedger(stream: string, signal: AbortSignal): Promise<LedgerSummary | null>;
  /** Rows of the target of a namespace, in key order; none where there is no target. */
  rows(
    namespace: Namespace,
    interval: Interval,
    options: { readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncIterable<RowBatch>;
  /** The rows of these keys that are at the target, by the `id` of their key. */
  fetch(namespace: Namespace, keys: readonly Key[], signal: AbortSignal): Promise<ReadonlyMap<string, EncodedRow>>;
  /** Asks the stream for fresh copies of rows; only the stream writes them. Asking twice is asking once. */
  askRepairs(stream: string, asks: readonly RepairAsk[], signal: AbortSignal): Promise<void>;
  /** The records of one run of a verification of a stream. */
  verification(stream: string, run: string): Verification;
  /** How many rows the stream has still to copy again. */
  repairsLeft(stream: string, signal: AbortSignal): Promise<number>;
  /** Dead letters, oldest first, at most `limit`. */
  deadLetters(filter: DeadLetterFilter, limit: number, signal: AbortSignal): Promise<readonly DeadLetterSummary[]>;
  deadLetter(stream: string, id: string, signal: AbortSignal): Promise<DeadLetter | null>;
  /** The rows of these dead letters, oldest first, to ask for repairs of. A row is there once for each of its dead letters. */
  deadLetterKeys(filter: DeadLetterFilter, signal: AbortSignal): AsyncIterable<DeadLetterKey>;
  /** Closes open dead letters; answers how many. */
  dropDeadLetters(filter: DeadLetterFilter, signal: AbortSignal): Promise<number>;
  kept(stream: string, signal: AbortSignal): Promise<Kept>;
  /**
   * Fences every writer of the stream, then removes all that is `kept` of it, dead letters included; answers with what that was.
   * Rows of targets stay. What remains is the number of the last epoch: no worker of the forgotten stream can ever write again,
   * not even under a new stream of the same id.
   */
  forget(stream: string, signal: AbortSignal): Promise<Kept>;
}

/** The right to write for one stream at one epoch. Anything fails with `fenced` once a higher epoch was claimed. */
export interface Claim {
  readonly ledger: Ledger;
  /**
   * Creates what is missing with the source's options, and records identities. Never touches rows. Rejects with `target_owned`
   * where another stream has a target, as all do that write to one, and has then taken and made none of these.
   */
  prepare(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<void>;
  /** Makes the target of a namespace empty, before it is copied anew. */
  discard(namespace: Namespace, signal: AbortSignal): Promise<void>;
  /** Replaces the ranges of these namespaces in the ledger, by nothing where there are none; returns all ranges of the stream. */
  plan(ranges: ReadonlyMap<Namespace, readonly Range[]>, signal: AbortSignal): Promise<readonly RangeRecord[]>;
  /** Plans backfills, each as one range, in place of what was planned for these namespaces before. */
  planBackfill(
    namespaces: ReadonlyMap<Namespace, { readonly estimatedRows: number }>,
    mode: BackfillKind,
    signal: AbortSignal,
  ): Promise<readonly RangeRecord[]>;
  /** Records how far the copy of a range inside the stream is; what lies before is durable. */
  progressed(
    range: RangeRecord,
    next: Pick<RangeRecord, 'after' | 'done' | 'rows' | 'bytes'>,
    signal: AbortSignal,
  ): Promise<RangeRecord>;
  /** The copy of a namespace inside the stream is complete; updates up to `overlapEnd` are still looked up. */
  copied(namespace: Namespace, overlapEnd: Position, signal: AbortSignal): Promise<void>;
  /** Remembers why these cannot go on. */
  park(parked: readonly Parked[], signal: AbortSignal): Promise<void>;
  /** These go on; the copy that they need has been planned. */
  unpark(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void>;
  /** The stream does not follow these any more. */
  unfollow(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void>;
  /** Drops the targets of namespaces that the source no longer has. */
  remove(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void>;
  load(part: LoadPart, signal: AbortSignal): Promise<Written>;
  /**
   * Adds those of these rows that the target lacks; answers how many. Rows that an earlier epoch has added are there by then,
   * and none of them can come any more. No part of the step that records how far the range is: that is told by `progressed`.
   */
  add(part: AddPart, signal: AbortSignal): Promise<number>;
  apply(part: LanePart, signal: AbortSignal): Promise<Written>;
  /** The same for parts of several lanes, one of each, in one atomic step. They hold no rejected change. */
  applyGroup(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]>;
  /** Parts of several lanes in one atomic step, as the final states of their rows: what is in the way leaves first. */
  rewriteConflicts(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]>;
  /** Rows that are behind the source because a change of theirs was rejected, at most `limit`. */
  behind(limit: number, signal: AbortSignal): Promise<readonly DeadLetterKey[]>;
  /** Sets a start position: what lanes and barriers remember from before no longer counts. */
  begin(position: Position, signal: AbortSignal): Promise<void>;
  /** Moves the low water. The caller vouches that all before it is durable in every lane. */
  advance(position: Position, signal: AbortSignal): Promise<Advanced>;
  /** What of a schema change the destination cannot express, in words; null where it can express all of it. */
  inexpressible(change: SchemaChange): string | null;
  /** Applies a schema change behind a barrier: intent, change, identities. Does nothing when the ledger says `done` at this position. */
  alter(change: SchemaChange, position: Position, signal: AbortSignal): Promise<void>;
  /** Another number of lanes. Only when all lanes are level at the low water; rows of any of them may be ahead until there. */
  layout(lanes: number, readAheadLimit: Position | null, signal: AbortSignal): Promise<readonly LaneRecord[]>;
  /** Builds plain indexes; `held` ones (unique, TTL) wait for `finalize`. Resumable. */
  index(
    namespaces: readonly SourceNamespace[],
    report: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Rows of which a fresh copy was asked for, at most `limit`; they stay until they are `repaired`. */
  repairs(limit: number, signal: AbortSignal): Promise<readonly RepairRequest[]>;
  /** Asks for fresh copies of rows from inside a leg, as `askRepairs` does from outside. */
  ask(asks: readonly RepairAsk[], signal: AbortSignal): Promise<void>;
  /** What these asked for is durable. One that was asked for again meanwhile stays open. */
  repaired(ids: readonly string[], signal: AbortSignal): Promise<void>;
  /**
   * Builds indexes that schema changes have asked for, and unique ones that a copy was in the way of, beside the lanes, until the
   * signal aborts. Unique ones wait until the stream is past the overlap. Never rejects.
   */
  build(pastOverlap: () => boolean, signal: AbortSignal): Promise<void>;
  /** Such a build is under way: where its leg ends, the server gives it up. */
  readonly isBuilding: boolean;
  /** As recorded: the order of the whole namespace counts. For those that the source cannot tell of any more. */
  wholeOrder(namespace: Namespace): boolean;
  /** As recorded: there is a target, and it was copied or made with its first row. */
  holds(namespace: Namespace): boolean;
  /**
   * Makes derived namespaces as the source has them, sources first, and drops those of the stream that the source no
   * longer has. Leaves alone what is not the stream's own; reports what could not be. Doing it twice is doing it once.
   */
  derive(derived: Derived, signal: AbortSignal): Promise<readonly Finding[]>;
  /** What is at the destination in places that the stream has written to, and that the source, which has these, no longer has. */
  leftOver(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<readonly Finding[]>;
  /** Whether a schema change is about derived namespaces, as recorded: not every source says so. */
  derives(change: SchemaChange): boolean;
  /**
   * Makes of targets what they cannot be while lanes write them, before indexes are put in force; rows that have gone at the
   * source without a change go first. Reports what could not be.
   */
  convert(namespaces: readonly SourceNamespace[], absent: Absent, signal: AbortSignal): Promise<readonly Finding[]>;
  /** Puts unique and TTL indexes in force; reports what could not be. */
  finalize(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<readonly Finding[]>;
  /** Gives up all targets: the stream has ended, and another one may take them. */
  release(signal: AbortSignal): Promise<void>;
}
