import type { Change } from '../model/change';
import type { ReplicationError } from '../model/errors';
import type { Namespace } from '../model/namespace';
import type { RowBatch } from './source';
import type { RecordOp, StateRecord } from './state-store';

/** How a writer differs from others. The core asks here and never for a kind. */
export interface WriterTraits {
  /** What one step writes at once: rows and records of all lanes, of one lane, or nothing together with anything else. */
  readonly atomic: 'step' | 'part' | 'none';
  /** Where `atomic` is `none`, what a change that comes again does: nothing (an older version), or the same write once more. */
  readonly idempotence: 'version' | 'key';
  /** Updates go as they came, as a subset of columns, or as the whole row. */
  readonly patches: 'native' | 'columns' | 'none';
  /** A schema change is one step with its record, or an intent, the change, and `done`. */
  readonly ddl: 'step' | 'intent';
  /** Whether unique values that move between rows are in each other's way. */
  readonly unique: 'conflicts' | 'deferrable' | 'none';
  /** The last state of a row, or every one. */
  readonly keeps: 'latest' | 'every';
  /** Takes rows without a key. */
  readonly keyless: boolean;
}

/** What one step holds at most; a single larger change goes alone. */
export interface WriteLimits {
  readonly changes: number;
  readonly bytes: number;
  readonly records: number;
}

/**
 * Changes of one lane, in order. `new`: inserts are expected to be new, patches to match. `upsert`: rows may be there already.
 * `finals`: the last states of their rows; old states leave before new ones come, for unique values that move.
 */
export interface Part {
  readonly type: 'part';
  readonly changes: readonly Change[];
  readonly mode: 'new' | 'upsert' | 'finals';
}

/** Rows of a copy. `over`: rows of these keys may be there already. */
export interface Load {
  readonly type: 'load';
  readonly namespace: Namespace;
  readonly rows: RowBatch;
  readonly over: boolean;
}

/** What is written on one slot at once: the fencing records, then the others and the rows in this order. */
export interface Step {
  /** The first is the record of the slot or of a lane on it; each expects a mark. A group commit has one for each of its lanes. */
  readonly fences: readonly [RecordOp, ...RecordOp[]];
  /** Records that have to be there before the rows: dead letters, long positions. */
  readonly before: readonly RecordOp[];
  readonly rows: readonly (Part | Load)[];
  /** Records that are true once the rows are there: superseded dead letters, progress of ranges, requests done. */
  readonly after: readonly RecordOp[];
  /** What takes longer is given up, and answered with `too_slow`, once nothing of it can come any more. Missing: no limit. */
  readonly withinMs?: number;
}

/**
 * `stale`: a record is not as expected. `too_much`: larger than the destination takes at once. `rejected`: this change of this
 * part cannot be written. `missed`: this patch does not fit its row. Nothing of the step is there unless it is `written`;
 * where `atomic` is `none`, some of its rows may be.
 */
export type Outcome =
  | { readonly type: 'written' | 'stale' | 'too_much' }
  | { readonly type: 'too_slow'; readonly error: ReplicationError }
  | {
      readonly type: 'rejected' | 'missed';
      readonly part: number;
      readonly index: number;
      readonly error: ReplicationError;
    };

/** Writes steps on one slot, one at a time. A commit whose answer was lost is repeated inside. */
export interface UnitOfWork extends AsyncDisposable {
  /** Rejects only where the outcome is not known, or the destination cannot be used; answers otherwise. */
  commit(step: Step, signal: AbortSignal): Promise<Outcome>;
}

/** Writes rows, and records with them where `atomic` says so. */
export interface Writer {
  readonly traits: WriterTraits;
  readonly limits: WriteLimits;
  /** `slot`: its record as the fence at `epoch` has answered it. */
  open(slot: StateRecord, epoch: number, signal: AbortSignal): Promise<UnitOfWork>;
  /** Removes every row of a target. */
  clear(namespace: Namespace, signal: AbortSignal): Promise<void>;
  /** Where records are in another store: fences what this writer has open on a slot below `epoch`. */
  fence?(slot: string, epoch: number, signal: AbortSignal): Promise<void>;
}
