import type { Document, Timestamp } from 'mongodb';

/** From here on an oplog is full: a server drops its oldest part, a tenth of it at most, when it has passed its size. */
const FULL = 0.9;
/** Below this the pace of a few minutes would be taken for that of days. */
const TELLING = 0.25;

export interface Reach {
  readonly oldestMs: number;
  readonly newestMs: number;
  /** How full the oplog is, 0 to 1; null where the server does not tell it. */
  readonly filled: number | null;
  /** Its oldest entry was seen to move. */
  readonly forgets: boolean;
}

/**
 * For how long an oplog keeps what is written now, at its pace so far. A young one reaches back to its server's first minute: that says
 * nothing of how long it keeps anything, until it is full enough or has dropped something.
 */
export function keepsMs({ oldestMs, newestMs, filled, forgets }: Reach): number | null {
  const reachMs = newestMs - oldestMs;
  if (forgets || (filled !== null && filled >= FULL)) return reachMs;
  return filled === null || filled < TELLING ? null : Math.round(reachMs / filled);
}

const ratio = (part: unknown, whole: unknown): number =>
  typeof part === 'number' && typeof whole === 'number' && whole > 0 ? part / whole : 0;

/** Of `$collStats` of the oplog; compatible servers may bound it by its entries, too. */
export function filledOf({ size, maxSize, count, max }: Document): number | null {
  if (typeof maxSize !== 'number' && typeof max !== 'number') return null;
  return Math.max(ratio(size, maxSize), ratio(count, max));
}

/** Remembers of each deployment where its oplog began when this worker first looked: an oldest entry that has moved on was dropped. */
export class Forgetting {
  readonly #first = new Map<string, bigint>();

  see(deployment: string, oldest: Timestamp): boolean {
    const first = this.#first.get(deployment);
    if (first === undefined) this.#first.set(deployment, oldest.toBigInt());
    return first !== undefined && oldest.toBigInt() > first;
  }
}
