/** Any value that survives JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * A place in one source's log. Opaque: only the source that made it reads `token`.
 * Plain JSON. The ledger holds it whatever its length; what crosses Temporal is at most `POSITION_BYTES` long.
 */
export interface Position {
  /** The kind of source that made it, such as `mongodb`. */
  readonly source: string;
  /** One lineage of the source's log (replica set id, system identifier, server uuid). */
  readonly history: string;
  readonly token: Json;
}

/**
 * Length of a position in heartbeats, results and workflow state, as JSON. A longer one goes by reference to the ledger: a
 * resume token of MongoDB holds the key of its change, and Temporal refuses a payload of 2 MB.
 */
export const POSITION_BYTES = 4 * 1024;

/** In place of the token of a position that is too long for Temporal: the ledger of the stream holds the position itself. */
export interface LedgerReference {
  readonly ledger: {
    /** How often the low water had moved when it stood there. */
    readonly sequence: number;
    /** The position for people. */
    readonly at: string;
  };
}

/** How a first position stands to a second one; `apart` where the source cannot tell. */
export type Order = 'before' | 'same' | 'after' | 'apart';

/** True when a stream at `here` has everything up to `target`. `apart` is never "reached". */
export const reached = (order: Order): boolean => order === 'same' || order === 'after';
