/** What a stream follows inside a source, written `database.collection`. A database name never holds a dot. */
export type Namespace = string;

export interface NamespaceParts {
  readonly database: string;
  readonly collection: string;
}

export const namespace = (database: string, collection: string): Namespace => `${database}.${collection}`;

export function splitNamespace(name: Namespace): NamespaceParts {
  const dot = name.indexOf('.');
  return dot < 0
    ? { database: name, collection: '' }
    : { database: name.slice(0, dot), collection: name.slice(dot + 1) };
}

/** One namespace as it is at the source now. */
export interface SourceNamespace {
  readonly name: Namespace;
  /** Changes when the namespace is dropped and created again (MongoDB: the collection's UUID). */
  readonly identity: string;
  /**
   * `copy_only`: rows without a unique key that are added and no change tells of: copied once, and not followed.
   * `derived`: computed from other namespaces, has a definition and no rows.
   */
  readonly follows: 'stream' | 'copy_only' | 'derived' | 'nothing';
  /** Options in the source's encoding, for a destination that can use them; no bytes where the source no longer knows them. */
  readonly options: Buffer;
  /** Index specifications in the source's encoding. */
  readonly indexes: readonly Buffer[];
  /** Keep the order of the whole namespace, not only per key (capped, non-simple collation). */
  readonly wholeOrder: boolean;
  /** Rows may go without a change that tells of it: what the destination has beyond the source is no damage then. */
  readonly losesRows: boolean;
}

export const hasRows = ({ follows }: Pick<SourceNamespace, 'follows'>): boolean =>
  follows === 'stream' || follows === 'copy_only';

/** Derived namespaces as they are at the source now. */
export interface Derived {
  readonly list: readonly SourceNamespace[];
  /** Whether the list would have a derived namespace of this name, were there one. */
  readonly covers: (name: Namespace) => boolean;
}
