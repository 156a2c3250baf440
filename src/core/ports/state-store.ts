import type { Json } from '../model/position';

/** Who wrote a record last, and how often: `epoch` of the claim, `sequence` raised by one with every write. */
export interface Mark {
  readonly epoch: number;
  readonly sequence: number;
}

/** One record of what a stream remembers. */
export interface StateRecord extends Mark {
  /** At most 400 bytes of `[A-Za-z0-9._:-]`: stores forbid more, or hash it. Names stand in the value. */
  readonly key: string;
  /** The generation that the record belongs to; in the record of the stream, the one of its lanes. */
  readonly generation: number;
  readonly value: Json;
  /** Read by the connector alone (MongoDB: the session of a slot). A write that replaces the record hands it on. */
  readonly native?: Json;
  /** What is large: rows, keys, long positions. Not part of what `scan` answers. */
  readonly body?: Buffer;
}

/**
 * A write by condition. `absent`: there is no such record. `any`: whatever is there; only inside a step, whose first record
 * fences it. To remove what is not there succeeds.
 */
export type RecordOp =
  | { readonly op: 'put'; readonly expect: Mark | 'absent' | 'any'; readonly next: StateRecord }
  | { readonly op: 'remove'; readonly key: string; readonly expect: Mark | 'any' };

export interface Page {
  /** Key of the last record of the page before; null for the first page. */
  readonly after: string | null;
  /** How many records at most. */
  readonly limit: number;
}

/**
 * Where records are kept. Every write is durable once it resolves. Every method rejects with a `ReplicationError` only: `retry`
 * where the outcome is not known, `fenced` where another claim holds the record.
 */
export interface StateStore extends AsyncDisposable {
  /** Largest value together with its `native`, as JSON in UTF-8, and largest body, in bytes. */
  readonly limits: { readonly valueBytes: number; readonly bodyBytes: number };
  /** In the order of the keys, null where there is none. Shows every write that resolved before (linearizable). */
  get(keys: readonly string[], signal: AbortSignal): Promise<readonly (StateRecord | null)[]>;
  /** Records whose key begins with `prefix`, in byte order of their keys, without bodies. */
  scan(prefix: string, page: Page, signal: AbortSignal): Promise<readonly StateRecord[]>;
  /** `stale`: the record is not as expected, and nothing was written. Also after an own write whose answer was lost. */
  write(op: RecordOp, signal: AbortSignal): Promise<'written' | 'stale'>;
  /** Adds a record unless there is one of its key. No claim is needed. */
  request(record: StateRecord, signal: AbortSignal): Promise<void>;
  /**
   * Raises the record of a slot to `epoch` and answers with it; null where there is none. Once it resolves, nothing that was begun
   * below `epoch` on this slot can commit or holds a lock. Rejects with `fenced` where the record is at `epoch` or above already,
   * unless this very call has raised it and the answer was lost.
   */
  fence(slot: string, epoch: number, signal: AbortSignal): Promise<StateRecord | null>;
}
