import { fenced, ReplicationError } from '../../model/errors';
import type { Clock } from '../../ports/clock';
import type { StateRecord, StateStore } from '../../ports/state-store';
import type { Writer } from '../../ports/writer';
import type { Keys } from './keys';
import type { Positions } from './positions';

/** All that the ledger needs of time. */
export type LedgerClock = Pick<Clock, 'now' | 'monotonic'>;

/** What every part of the ledger of one claim knows. */
export interface LedgerContext {
  readonly store: StateStore;
  readonly writer: Writer;
  readonly stream: string;
  readonly epoch: number;
  readonly keys: Keys;
  readonly positions: Positions;
  readonly generations: Generations;
  readonly clock: LedgerClock;
}

/** Generations that one claim can begin. With them epochs stay exact up to 8 billion. */
const GENERATIONS = 2 ** 20;

/**
 * Numbers of generations, which no two claims share: what a claim has prepared under one that never counted must not come into
 * force with the generation of a later claim.
 */
export class Generations {
  #last: number;

  constructor(private readonly epoch: number) {
    this.#last = epoch * GENERATIONS;
  }

  next(): number {
    this.#last += 1;
    if (this.#last >= (this.epoch + 1) * GENERATIONS) throw numbersUsedUp();
    return this.#last;
  }
}

const numbersUsedUp = (): ReplicationError =>
  new ReplicationError('retry', {
    code: 'numbers_used_up',
    message: 'this claim has no numbers left for what it plans',
    remedy: 'Nothing to do: the next leg has its own.',
  });

export const fencedBy = (stream: string, epoch: number): ReplicationError =>
  fenced(`the ledger of stream ${stream} is at epoch ${epoch}`, epoch);

export const ledgerMissing = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'ledger_missing',
    message: `the destination has no ledger of stream ${stream}, though the stream has written before`,
    remedy:
      'Was the destination replaced or restored? `streams restart ID --from snapshot` copies again and makes a new ledger.',
  });

export const ledgerBehind = (stream: string): ReplicationError =>
  new ReplicationError('retry', {
    code: 'ledger_behind',
    message: `the ledger of stream ${stream} is not where this writer left it`,
    remedy: 'Nothing to do: the next leg reads it. If it repeats, was the destination restored while the stream ran?',
  });

/** Why a record that this claim has made is gone, or another one. */
export async function lost(
  { store, stream, epoch, keys }: LedgerContext,
  signal: AbortSignal,
): Promise<ReplicationError> {
  const [root] = await store.get([keys.root], signal);
  if (!root) return ledgerMissing(stream);
  return root.epoch > epoch ? fencedBy(stream, root.epoch) : ledgerBehind(stream);
}

const PAGE = 1_000;

/** All records of a prefix, in byte order of their keys, behind `from`, without bodies. */
export async function* scanAll(
  store: StateStore,
  prefix: string,
  signal: AbortSignal,
  from: string | null = null,
): AsyncGenerator<StateRecord> {
  for (let after = from; ;) {
    const page: readonly StateRecord[] = await store.scan(prefix, { after, limit: PAGE }, signal);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.key;
  }
}

export async function listAll(store: StateStore, prefix: string, signal: AbortSignal): Promise<StateRecord[]> {
  const found: StateRecord[] = [];
  for await (const record of scanAll(store, prefix, signal)) found.push(record);
  return found;
}
