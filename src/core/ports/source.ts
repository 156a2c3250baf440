import type { Change, EncodedRow, Key, SchemaChange } from '../model/change';
import type { Finding } from '../model/finding';
import type { Derived, Namespace, SourceNamespace } from '../model/namespace';
import type { Order, Position } from '../model/position';

/** How a source differs from others. The core asks here and never for a kind. */
export interface SourceTraits {
  readonly kind: string;
  /** How rows, keys and deltas are encoded. */
  readonly encoding: 'bson';
  /** `change`: every change has a position of its own. `batch`: only boundaries have one. */
  readonly positions: 'change' | 'batch';
  /** Updates can come as deltas. */
  readonly deltas: boolean;
}

/** About how much a namespace holds. */
export interface Size {
  readonly estimatedRows: number;
  readonly estimatedBytes: number;
}

/** A part of a namespace by key: `from` inclusive, `to` exclusive, null for open. Bounds are keys, hence data. */
export interface Range {
  readonly from: Buffer | null;
  readonly to: Buffer | null;
  readonly estimatedRows: number;
}

/** A part of a namespace by key: `from` and `upTo` inclusive, `after` and `to` exclusive, null for open. */
export interface Interval extends Omit<Range, 'estimatedRows'> {
  readonly after: Buffer | null;
  readonly upTo: Buffer | null;
}

export interface RowBatch {
  readonly rows: readonly EncodedRow[];
  readonly bytes: number;
  /** Key of the last row: where to go on after a crash. */
  readonly last: Buffer;
}

/**
 * `part`: changes of a batch that goes on. `commit`: ends at a boundary that the stream can resume from.
 * `idle`: nothing new up to `position`. `schema`: everything before it has been yielded with a `commit`.
 */
export type SourceEvent =
  | { readonly type: 'part'; readonly changes: readonly Change[]; readonly bytes: number }
  | {
      readonly type: 'commit';
      readonly changes: readonly Change[];
      readonly bytes: number;
      readonly position: Position;
      readonly sourceTimeMs: number;
    }
  | { readonly type: 'idle'; readonly position: Position; readonly sourceTimeMs: number }
  | { readonly type: 'schema'; readonly change: SchemaChange; readonly position: Position };

export interface StreamOptions {
  /** Updates up to and including here are marked `needsLookup`: the snapshot's overlap. */
  readonly overlapEnd: Position | null;
  /** `row`: every update is marked `needsLookup`. */
  readonly updates: 'delta' | 'row';
  /** Changes per batch at most. */
  readonly batchSize: number;
  /** Updates of these namespaces are marked `needsLookup` too: they are in overlap. */
  readonly looksUp?: (namespace: Namespace) => boolean;
}

export interface HistoryWindow {
  /** The oldest time that can still be resumed from, ms since the epoch. */
  readonly oldestMs: number;
  readonly newestMs: number;
  /**
   * For how long the log keeps what is written now, at its pace so far: 24 hours for a log that is half full after 12. Null
   * while the log has dropped nothing and is less than a quarter full: `oldestMs` then tells only the age of the server.
   */
  readonly keepsMs: number | null;
}

export interface CutOptions {
  /** About how many ranges so many rows are worth. */
  readonly count: (estimatedRows: number) => number;
  /** Rows that come later than this reach the stream: they need no range. `null` where every key needs one. */
  readonly since: Position | null;
}

/** The ranges of a namespace, in the order of its keys. */
export interface Cut extends Size {
  readonly ranges: readonly Range[];
}

/** A database that is read. Every method rejects with a `ReplicationError` only. */
export interface Source extends AsyncDisposable {
  readonly traits: SourceTraits;
  /** Permissions, settings, retention: what stands in the way, with remedies. */
  inspect(signal: AbortSignal): Promise<readonly Finding[]>;
  /** What the configured selection matches now. */
  namespaces(signal: AbortSignal): Promise<readonly SourceNamespace[]>;
  /** One of them; null where there is none of this name. */
  namespace(name: Namespace, signal: AbortSignal): Promise<SourceNamespace | null>;
  /** The derived ones among what the selection matches now, in one database where one is named. */
  derived(database: string | null, signal: AbortSignal): Promise<Derived>;
  /** Whether the configured selection matches this name, be there such a namespace or not. */
  selects(name: Namespace): boolean;
  /** The namespace that a schema change speaks of as it is now, under whatever name; null when it is gone. */
  shape(change: SchemaChange, signal: AbortSignal): Promise<SourceNamespace | null>;
  /** A position that the stream is bound to pass soon, even when idle; also a valid start position. */
  currentPosition(signal: AbortSignal): Promise<Position>;
  order(a: Position, b: Position): Order;
  /** A few words for people, such as the source time of the position. */
  describe(position: Position): string;
  /** Source time of a position, ms since the epoch; null where it has none. */
  timeOf(position: Position): number | null;
  /** The key of a row in this source's encoding. */
  keyOf(row: EncodedRow): Key;
  /** Zeros where it is gone, or cannot be told. Some servers go through all rows for this. */
  size(name: Namespace, signal: AbortSignal): Promise<Size>;
  /** Cuts a namespace into ranges that cover every key of every type; with `since`, every key that was there then. */
  ranges(namespace: SourceNamespace, options: CutOptions, signal: AbortSignal): Promise<Cut>;
  /** Rows in key order after `after`, read no earlier than `since`. */
  rows(
    namespace: Namespace,
    range: Range,
    options: { readonly after: Buffer | null; readonly since: Position; readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncIterable<RowBatch>;
  /**
   * Rows of a namespace that is `copy_only`, in an order of the source's own. The `last` of a batch is the place up to which
   * these are all rows, and where to go on after a crash; it is no key.
   */
  added(
    namespace: SourceNamespace,
    options: { readonly after: Buffer | null; readonly since: Position; readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncIterable<RowBatch>;
  /** The rows of these keys that are there, read no earlier than `since`, by the `id` of their key. */
  fetch(
    namespace: Namespace,
    keys: readonly Key[],
    since: Position,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, EncodedRow>>;
  /** Everything after `from`, in order. Rejects with `history_lost` when `from` can no longer be resumed. */
  stream(from: Position, options: StreamOptions, signal: AbortSignal): AsyncIterable<SourceEvent>;
  /**
   * The same changes as full states read now: a `replace`, or a `delete` where the row is gone. Same order. Rejects with
   * `too_much` where several rows have more than `maxBytes` together.
   */
  lookup(changes: readonly Change[], maxBytes: number, signal: AbortSignal): Promise<readonly Change[]>;
  /** Rejects with `history_lost` when what comes after `position` can no longer be had. */
  check(position: Position, signal: AbortSignal): Promise<void>;
  /** How far back the source remembers. */
  window(signal: AbortSignal): Promise<HistoryWindow>;
  /** The source may forget what lies before `position`. */
  release(position: Position, signal: AbortSignal): Promise<void>;
  /** Removes what the stream keeps at the source. */
  drop(signal: AbortSignal): Promise<void>;
}
