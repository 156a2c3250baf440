import { ReplicationError } from '../model/errors';
import type { Namespace } from '../model/namespace';
import type { Json } from '../model/position';
import type { Kept } from '../ports/destination';
import type { StateRecord, StateStore } from '../ports/state-store';
import { fenceStream, type ClaimOptions } from './claim';
import { fencedBy, scanAll, type LedgerContext } from './records/context';
import { Keys } from './records/keys';
import { ownedBy } from './owners';
import { newRoot, remove, replace, type Forgotten, type NamespaceState, type RootState } from './records/records';

/** How far beyond the ledger's epoch a forgotten stream is fenced: its workflow may have asked for claims that never came here. */
const AHEAD = 1_000;

export interface ForgetOptions extends Pick<ClaimOptions, 'store' | 'writer' | 'stream' | 'clock'> {
  /** No other removal has this name. */
  readonly removal: string;
}

/**
 * Removes what is kept of a stream. The claim comes first: nothing of an earlier epoch writes any more. Then the record of the stream
 * becomes a tombstone, in one step: no claim succeeds until the rest is gone. What stays is the number of the last epoch. A removal
 * that was cut short goes on when it is asked for again; should it still run, it removes nothing that a new stream has written,
 * because that has other marks.
 */
export async function forget(options: ForgetOptions, signal: AbortSignal): Promise<void> {
  const { store, stream } = options;
  const keys = new Keys(stream);
  const [root] = await store.get([keys.root], signal);
  if (!root) return;
  const tomb = await entomb(options, root, signal);
  for await (const record of scanAll(store, keys.prefix, signal))
    if (record.key !== keys.root) await store.write(remove(record), signal);
  for await (const record of ownedBy(store, stream, signal)) await store.write(remove(record), signal);
  const buried = tombstone(tomb, { ...forgottenOf(tomb), removing: false });
  if ((await store.write(replace(tomb, buried), signal)) !== 'written') throw overtaken(stream);
}

/** From here on the id is closed: nothing begins under it. A removal that begins later takes the place of an earlier one. */
async function entomb(options: ForgetOptions, root: StateRecord, signal: AbortSignal): Promise<StateRecord> {
  const { store, stream, removal, clock } = options;
  const state = root.value as unknown as RootState;
  const mine: Forgotten = { removing: true, removal, at: new Date(clock.now()).toISOString() };
  let held = root;
  if (state.forgotten === null) {
    const epoch = root.epoch + AHEAD;
    const { context } = await fenceStream({ ...options, epoch, lanes: state.lanes, expect: 'existing' }, signal);
    held = await rootOf(context, signal);
  }
  const tomb = tombstone(held, mine);
  if ((await store.write(replace(held, tomb), signal)) === 'written') return tomb;
  throw overtaken(stream);
}

async function rootOf({ store, keys, stream, epoch }: LedgerContext, signal: AbortSignal): Promise<StateRecord> {
  const [root] = await store.get([keys.root], signal);
  if (root?.epoch !== epoch) throw fencedBy(stream, root?.epoch ?? 0);
  return root;
}

/** What is kept of a stream beside the rows of its targets. `heldIndexes`: how many a namespace's native part holds back. */
export async function kept(
  store: StateStore,
  stream: string,
  heldIndexes: (native: Json) => number,
  signal: AbortSignal,
): Promise<Kept> {
  const keys = new Keys(stream);
  const counts = {
    ledger: 0,
    ranges: 0,
    namespaces: 0,
    owners: 0,
    derived: 0,
    repairs: 0,
    deadLetters: 0,
    verification: 0,
  };
  const targets: Namespace[] = [];
  let held = 0;
  for await (const { key, value, native = null } of scanAll(store, keys.prefix, signal)) {
    if (key === keys.root && (value as unknown as RootState).forgotten !== null) continue;
    const kind = keys.kindOf(key);
    counts[kind] += 1;
    if (kind !== 'namespaces') continue;
    const { identity, target } = value as unknown as NamespaceState;
    if (identity !== null) targets.push(target);
    held += heldIndexes(native);
  }
  for await (const _owner of ownedBy(store, stream, signal)) counts.owners += 1;
  return { records: counts, targets: targets.sort(), heldIndexes: held };
}

const forgottenOf = ({ value }: StateRecord): Forgotten => (value as unknown as { forgotten: Forgotten }).forgotten;

const tombstone = (record: StateRecord, forgotten: Forgotten): StateRecord => ({
  ...record,
  sequence: record.sequence + 1,
  value: { ...newRoot(0), forgotten: { ...forgotten } } as unknown as StateRecord['value'],
});

const overtaken = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'being_forgotten',
    message: `another process removes the records of stream ${stream}`,
    remedy: 'Let that one come to its end.',
  });
