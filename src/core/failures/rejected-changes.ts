import type { Change, SchemaChange } from '../model/change';
import type { Log } from '../ports/connector';
import type { RejectedChange, Written } from '../ports/destination';
import { isReplicationError, ReplicationError } from '../model/errors';
import { rowId } from '../write/fold';
import type { DeadLetterKey } from '../model/dead-letter';
import { splitNamespace, type Namespace } from '../model/namespace';
import type { Meter } from '../pump/progress';

/** Keys of rejected changes are held in memory; more of them than this are a fault of the whole, not of rows. */
export const MAX_DEAD_LETTERS = 100_000;

/** What follows a change that the destination refuses. */
export interface ErrorPolicy {
  readonly onError: 'fail_stream' | 'skip' | 'retry' | 'dead_letter';
  /** Tries after the first. */
  readonly maxRetries: number;
  readonly retryDelayMs: number;
}

export interface RejectedChangesContext {
  readonly policy: ErrorPolicy;
  readonly meter: Meter;
  readonly log: Log;
  readonly countRejected: (changes: number) => void;
}

/** A change or a row that another try will not help by itself; not a delta that only has to be looked up. */
export const isRejection = (error: unknown): error is ReplicationError =>
  isReplicationError(error) && error.kind === 'poison' && error.code !== 'delta_missed';

/** A value belongs to another row just now; where lanes are not level that may be no fault of the row. */
export const isCollision = (error: ReplicationError): boolean => error.code === 'duplicate_key';

/** Which rows are behind the source because a change of theirs was rejected, and what becomes of the next rejected change. */
export class RejectedChanges {
  readonly #context: RejectedChangesContext;
  /** The dead letter of each row that is behind. */
  readonly #behind = new Map<string, string>();

  constructor(context: RejectedChangesContext, behind: readonly DeadLetterKey[]) {
    if (behind.length > MAX_DEAD_LETTERS) throw tooMany();
    this.#context = context;
    for (const key of behind) this.#behind.set(rowId(key), key.deadLetter);
  }

  get policy(): ErrorPolicy {
    return this.#context.policy;
  }

  /** No row is behind. */
  get none(): boolean {
    return this.#behind.size === 0;
  }

  /** A change of such a row must not be applied on top of the state that is there. */
  isBehind(change: Change): boolean {
    return this.#behind.has(rowId(change));
  }

  /** Dead letters of rows of which these changes hold a full state. */
  supersededBy(changes: readonly Change[]): readonly string[] {
    if (this.none) return [];
    return changes.flatMap((change) => {
      const letter = change.op === 'update' ? undefined : this.#behind.get(rowId(change));
      return letter === undefined ? [] : [letter];
    });
  }

  /** The change is passed; or the stream stops before it, where that is the policy. */
  decide(change: Change, error: ReplicationError, attempts: number): RejectedChange {
    const { onError } = this.policy;
    if (onError === 'fail_stream' || onError === 'retry') throw ofRow(change, error);
    return {
      change,
      code: error.code,
      message: error.message,
      attempts,
      deadLetter: this.#behind.get(rowId(change)) ?? null,
      kept: onError === 'dead_letter',
    };
  }

  /** The change is passed for now, whatever the policy: its row is asked for again. No try, because nothing is decided. */
  postpone(change: Change, { code }: ReplicationError): RejectedChange {
    const message = 'the row waits for a value that another row gives up later';
    const letter = this.#behind.get(rowId(change)) ?? null;
    return {
      change,
      code,
      message,
      attempts: 0,
      deadLetter: letter,
      kept: this.policy.onError === 'dead_letter',
      waits: true,
    };
  }

  /** A part is durable. */
  written({ deadLetters = [] }: Written, rejected: readonly RejectedChange[], settled: readonly Change[]): void {
    if (!this.none) for (const change of settled) if (change.op !== 'update') this.#behind.delete(rowId(change));
    const { meter, log, countRejected: refused } = this.#context;
    rejected.forEach(({ change, code, attempts, kept, waits }, index) => {
      const letter = deadLetters[index];
      if (letter !== undefined) this.#behind.set(rowId(change), letter);
      if (waits === true) return;
      meter.refused(code, kept ? 'dead_letter' : 'skip');
      const { namespace, op } = change;
      log('warn', 'change_rejected', { namespace, op, code, attempts, letter, kept, keyHash: hashOf(change) });
    });
    const judged = rejected.filter(({ waits }) => waits !== true).length;
    if (judged > 0) refused(judged);
    if (this.#behind.size > MAX_DEAD_LETTERS) throw tooMany();
  }

  /** Follows a schema change that the destination has applied. */
  altered({ op, namespace, to }: SchemaChange): void {
    switch (op) {
      case 'drop':
      case 'renamed_out':
        this.#renamed((name) => name === namespace, null);
        return;
      case 'drop_database':
        this.#renamed((name) => splitNamespace(name).database === splitNamespace(namespace).database, null);
        return;
      case 'rename':
        this.#renamed((name) => name === to, null);
        this.#renamed((name) => name === namespace, to ?? null);
        return;
      case 'create':
      case 'renamed_in':
      case 'create_indexes':
      case 'drop_indexes':
      case 'modify':
      case 'derive':
      case 'other':
    }
  }

  #renamed(isMoved: (namespace: Namespace) => boolean, to: Namespace | null): void {
    for (const [row, letter] of this.#behind) {
      const [namespace = ''] = row.split('\0', 1);
      if (!isMoved(namespace)) continue;
      this.#behind.delete(row);
      if (to !== null) this.#behind.set(`${to}${row.slice(namespace.length)}`, letter);
    }
  }
}

const hashOf = ({ key }: Change): string => key.hash.toString(16).padStart(8, '0');

/** The error of one row names it, however it was found. */
export function ofRow(
  { namespace, key }: Pick<Change, 'namespace' | 'key'>,
  error: ReplicationError,
): ReplicationError {
  const { code, message, remedy, then } = error;
  return new ReplicationError('poison', { code, message, remedy, then, namespace, keyHash: key.hash, cause: error });
}

export const tooMany = (): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'too_many_dead_letters',
    message: `more than ${MAX_DEAD_LETTERS} rows are behind the source because the destination refused them`,
    remedy:
      'See to the reasons that `tributary dead-letters list --stream ID` names, and copy anew: `tributary streams restart ID --from snapshot` closes the dead letters of all that it copies.',
  });
