/** Any value that survives JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * A place in one source's log. Opaque: only the source that made it reads `token`.
 * Plain JSON, under 4 KB, so that it can live in workflow state, heartbeats and the ledger alike.
 */
export interface Position {
  /** The kind of source that made it, such as `mongodb`. */
  readonly source: string;
  /** One lineage of the source's log (replica set id, system identifier, server uuid). */
  readonly history: string;
  readonly token: Json;
}

/** How a first position stands to a second one; `apart` where the source cannot tell. */
export type Order = 'before' | 'same' | 'after' | 'apart';

/** True when a stream at `here` has everything up to `target`. `apart` is never "reached". */
export const reached = (order: Order): boolean => order === 'same' || order === 'after';
