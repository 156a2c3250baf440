import type { Derived, Namespace, SourceNamespace } from './namespace';
import type { Position } from './position';

/** A row in its source's own encoding (`SourceTraits.encoding`); nothing decodes it unless it has to look inside. */
export type EncodedRow = Buffer;

/** What identifies a row inside its namespace. */
export interface Key {
  /** Canonical identity: equal exactly when the source holds the keys for one (1, 1.0 and Long 1 are). Never logged. */
  readonly id: string;
  /** Unsigned 32-bit hash of `id`; chooses the lane, and stands for the key in messages. */
  readonly hash: number;
  /** The key in the source's encoding; for MongoDB the `documentKey` document. */
  readonly bytes: Buffer;
}

interface ChangeBase {
  readonly namespace: Namespace;
  readonly key: Key;
  /** When it happened at the source, ms since the epoch. */
  readonly sourceTimeMs: number;
  /** Size in the source's encoding; queues are bounded by it. */
  readonly bytes: number;
  /** This change's own place in the log. Computed on demand: the hot path never asks. */
  readonly position: Position;
  /** Which namespace it was, whatever has its name by now, as in `SourceNamespace.identity`; for look-ups. */
  readonly identity?: string | undefined;
}

/** A full state of a row. */
export interface RowChange extends ChangeBase {
  readonly op: 'insert' | 'replace';
  readonly row: EncodedRow;
}

/** What an update changed, relative to the state just before it. */
export interface DeltaChange extends ChangeBase {
  readonly op: 'update';
  readonly delta: Buffer;
  /** The delta must not be applied as it is (snapshot overlap, ambiguous path): `Source.lookup` turns it into a full state. */
  readonly needsLookup: boolean;
}

export interface DeleteChange extends ChangeBase {
  readonly op: 'delete';
}

export type Change = RowChange | DeltaChange | DeleteChange;

/** A full state that stands for `of` and what came before it, whether or not there is a row already. */
export class Replacement implements RowChange {
  readonly op = 'replace';
  readonly namespace: Namespace;
  readonly key: Key;
  readonly sourceTimeMs: number;
  readonly bytes: number;

  constructor(
    private readonly of: Change,
    readonly row: EncodedRow,
  ) {
    ({ namespace: this.namespace, key: this.key, sourceTimeMs: this.sourceTimeMs, bytes: this.bytes } = of);
  }

  get position(): Position {
    return this.of.position;
  }

  get identity(): string | undefined {
    return this.of.identity;
  }
}

/**
 * A change of shape at the source: a barrier for all lanes. `modify`: options of a namespace, or of its indexes, were
 * changed. `derive`: a derived namespace was made or changed. `other`: what no destination can express is counted and shown. `renamed_in` and `renamed_out`: a rename moved a
 * namespace into, or out of, what the stream follows.
 */
export interface SchemaChange {
  readonly op:
    | 'create'
    | 'drop'
    | 'rename'
    | 'drop_database'
    | 'renamed_in'
    | 'renamed_out'
    | 'create_indexes'
    | 'drop_indexes'
    | 'modify'
    | 'derive'
    | 'other';
  readonly namespace: Namespace;
  /** The new name, for `rename`, `renamed_in` (its name now) and `renamed_out`. */
  readonly to?: Namespace;
  /** The source's own word, such as `createIndexes`. */
  readonly kind: string;
  readonly sourceTimeMs: number;
  /** Options of a new namespace in the source's encoding (MongoDB: collection options), for `create`. */
  readonly options?: Buffer;
  /** What was made, dropped or changed, in the source's encoding, for `create_indexes`, `drop_indexes` and `modify`. */
  readonly description?: Buffer;
  /** Which namespace it was, whatever has its name by now, as in `SourceNamespace.identity`; empty where it is not told. */
  readonly identity?: string;
  /** The namespace as the source has it now, under whatever name; null when it is gone. Found out once it is needed. */
  readonly shape?: SourceNamespace | null;
  /** The derived namespaces of its database, as the source has them now. Found out once they are needed. */
  readonly derived?: Derived;
}
