import type { Change, Key } from './change';
import type { Namespace } from './namespace';
import type { Position } from './position';

/**
 * `open`: the row at the destination is older than at the source. `superseded`: a full state of it was written since, or its namespace is copied anew.
 * `dropped`: a person closed it (`dead-letters drop`); the stream still writes the row anew as soon as it changes.
 */
export type DeadLetterState = 'open' | 'superseded' | 'dropped';

/** What may be shown of a rejected change: no row and no key. */
export interface DeadLetterSummary {
  readonly id: string;
  readonly stream: string;
  /** As the source names it. */
  readonly namespace: Namespace;
  readonly target: Namespace;
  readonly keyHash: number;
  readonly op: Change['op'];
  /** Of the error, as in `docs/errors.md`. */
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  /** Of the change that was rejected first. */
  readonly position: Position;
  /** When the change that is kept happened at the source. */
  readonly sourceTime: Date;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly state: DeadLetterState;
  /** Whether the change itself is kept. */
  readonly kept: boolean;
}

/** The whole of it, in the source's encoding. These are data. */
export interface DeadLetter extends DeadLetterSummary {
  readonly key: Buffer;
  /** The full state that was rejected last; null for deltas, deletes, and where nothing is kept. */
  readonly row: Buffer | null;
  readonly delta: Buffer | null;
}

/** Dead letters of one stream; all that is given has to hold. */
export interface DeadLetterFilter {
  readonly stream: string;
  readonly namespace?: Namespace;
  readonly code?: string;
  readonly state?: DeadLetterState;
  readonly ids?: readonly string[];
}

/** A row whose last change was rejected. */
export interface DeadLetterKey {
  readonly deadLetter: string;
  readonly namespace: Namespace;
  readonly key: Key;
}
