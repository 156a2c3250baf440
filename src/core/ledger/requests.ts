import type { RepairAsk, RepairRequest } from '../ports/destination';
import type { Json } from '../model/position';
import type { StateRecord, StateStore } from '../ports/state-store';
import { ledgerMissing, scanAll } from './records/context';
import type { FencedRecords } from './claim';
import { Keys, rowText } from './records/keys';

/** Askings of one row that are carried out at once; those beyond wait for the next time. */
const ASKINGS = 50;

/** `nonce`: of this asking. Tried again with the same one, it adds nothing; another one asks again. */
export interface Asking {
  readonly store: StateStore;
  readonly stream: string;
  readonly nonce: string;
}

/** Asks the stream for fresh copies of rows: requests are only added, and the claim's holder carries them out. */
export async function askRepairs(
  { store, stream, nonce }: Asking,
  asks: readonly RepairAsk[],
  signal: AbortSignal,
): Promise<void> {
  const keys = new Keys(stream);
  await mustExist(store, keys, stream, signal);
  for (const { namespace, key, reason } of asks) {
    const value = { namespace, reason };
    await add(store, keys.request('repair', rowText(namespace, key), nonce), value, key.bytes, signal);
  }
}

/** Asks the stream to drop open dead letters. */
export async function askToDrop({ store, stream, nonce }: Asking, deadLetters: readonly string[], signal: AbortSignal) {
  const keys = new Keys(stream);
  await mustExist(store, keys, stream, signal);
  for (const deadLetter of deadLetters)
    await add(store, keys.request('drop', deadLetter, nonce), { deadLetter }, Buffer.alloc(0), signal);
}

async function add(store: StateStore, key: string, value: Json, body: Buffer, signal: AbortSignal): Promise<void> {
  await store.request({ key, epoch: 0, sequence: 0, generation: 0, value, ...(body.length > 0 && { body }) }, signal);
}

/** Without a stream no request is ever carried out. */
async function mustExist(store: StateStore, keys: Keys, stream: string, signal: AbortSignal): Promise<void> {
  const [root] = await store.get([keys.root], signal);
  const { forgotten = null } = Object(root?.value) as { readonly forgotten?: unknown };
  if (!root || forgotten !== null) throw ledgerMissing(stream);
}

/** Rows that are to be copied again, at most `limit`. The `id` names every asking of the row that was read. */
export async function openRepairs(
  { context: { store, keys } }: FencedRecords,
  limit: number,
  signal: AbortSignal,
): Promise<readonly RepairRequest[]> {
  const rows: StateRecord[][] = [];
  // Askings of one row follow each other: the hash of the row comes first in their keys.
  for await (const record of scanAll(store, `${keys.requests}repair:`, signal)) {
    const last = rows.at(-1);
    if (last?.[0] && rowOf(last[0].key) === rowOf(record.key)) {
      if (last.length < ASKINGS) last.push(record);
    } else if (rows.length === limit) break;
    else rows.push([record]);
  }
  const firsts = await store.get(
    rows.flatMap(([first]) => first?.key ?? []),
    signal,
  );
  return rows.flatMap((askings, at): RepairRequest[] => {
    const first = firsts[at];
    if (!first?.body) return [];
    const { namespace, reason } = first.value as unknown as Pick<RepairRequest, 'namespace' | 'reason'>;
    return [{ id: askings.map(({ key }) => key).join(' '), namespace, reason, key: first.body }];
  });
}

const rowOf = (key: string): string => key.slice(0, key.lastIndexOf(':'));

/** How many rows are still to be copied again. */
export async function repairsLeft(store: StateStore, stream: string, signal: AbortSignal): Promise<number> {
  const rows = new Set<string>();
  for await (const { key } of scanAll(store, `${new Keys(stream).requests}repair:`, signal)) rows.add(rowOf(key));
  return rows.size;
}

/** Dead letters that are asked to be dropped, each with its requests. */
export async function openDrops({ context: { store, keys } }: FencedRecords, signal: AbortSignal) {
  const drops = new Map<string, string[]>();
  for await (const { key, value } of scanAll(store, `${keys.requests}drop:`, signal)) {
    const { deadLetter } = value as { readonly deadLetter: string };
    drops.set(deadLetter, [...(drops.get(deadLetter) ?? []), key]);
  }
  return drops;
}

/** What these asked for is durable. An asking that came since they were read stays: it may have seen a later change. */
export async function carriedOut({ root }: FencedRecords, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const ops = ids
    .flatMap((id) => id.split(' '))
    .map((key) => ({ op: 'remove', key, expect: { epoch: 0, sequence: 0 } }) as const);
  if (ops.length > 0) await root.write(ops, signal);
}
