import { ReplicationError } from '../model/errors';
import type { Namespace } from '../model/namespace';
import type { StateRecord, StateStore } from '../ports/state-store';
import { scanAll, type LedgerContext } from './records/context';
import { ownerKey, OWNERS } from './records/keys';
import { following, remove, replace } from './records/records';
import { writeRecord } from './steps';

interface Owner {
  readonly target: Namespace;
  readonly stream: string;
}

const ownerOf = ({ value }: StateRecord): Owner => value as unknown as Owner;

/**
 * Makes the stream the owner of these targets: the first stream that asks owns one. `shared`: the stream means to write targets of others
 * too, and leaves those to them; else it is refused, and owns none of the new ones that come after the first refused.
 */
export async function own(
  context: LedgerContext,
  targets: readonly Namespace[],
  { shared }: { readonly shared: boolean },
  signal: AbortSignal,
): Promise<void> {
  const found = await context.store.get(targets.map(ownerKey), signal);
  const foreign: Owner[] = [];
  for (const [at, target] of targets.entries()) {
    const owner = await ownOne(context, target, found[at] ?? null, signal);
    if (owner.stream !== context.stream) foreign.push(owner);
  }
  const [first] = foreign;
  if (first !== undefined && !shared) throw targetOwned(first, foreign.length);
}

/** Answers with the owner, which is this stream unless another one was there before. */
async function ownOne(
  { store, stream, epoch }: LedgerContext,
  target: Namespace,
  found: StateRecord | null,
  signal: AbortSignal,
): Promise<Owner> {
  const mine: Owner = { target, stream };
  const value = { target, stream };
  const key = ownerKey(target);
  if (found !== null) {
    const owner = ownerOf(found);
    if (owner.stream !== stream || found.epoch >= epoch) return owner;
    // Raised, so that a writer of an earlier epoch cannot release it any more.
    await store.write(replace(found, following(found, epoch, value)), signal);
    return mine;
  }
  const next = { key, epoch, sequence: 0, generation: 0, value };
  if ((await store.write({ op: 'put', expect: 'absent', next }, signal)) === 'written') return mine;
  const [now] = await store.get([key], signal);
  return now ? ownerOf(now) : mine;
}

/** Once a target is dropped, no longer followed, finalized or forgotten, another stream may have it. */
export async function release(
  context: LedgerContext,
  targets: readonly Namespace[],
  signal: AbortSignal,
): Promise<void> {
  for (const found of await context.store.get(targets.map(ownerKey), signal))
    if (found !== null && ownerOf(found).stream === context.stream) await writeRecord(context, remove(found), signal);
}

/** The owners of targets, of every stream that writes into this store. */
export async function owners(
  store: StateStore,
  targets: ReadonlySet<Namespace>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Namespace, string>> {
  const found = await store.get([...targets].map(ownerKey), signal);
  return new Map(found.flatMap((record) => (record ? [[ownerOf(record).target, ownerOf(record).stream]] : [])));
}

/** What a stream owns. */
export async function* ownedBy(store: StateStore, stream: string, signal: AbortSignal): AsyncGenerator<StateRecord> {
  for await (const record of scanAll(store, OWNERS, signal)) if (ownerOf(record).stream === stream) yield record;
}

const targetOwned = ({ target, stream }: Owner, count: number): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'target_owned',
    message: `stream ${stream} writes ${target}${count > 1 ? ` and ${count - 1} more of these targets` : ''}: two streams would undo each other's changes`,
    remedy: `Give this stream other targets (\`namespaces\`), or end stream ${stream} first: \`tributary streams stop ${stream}\`, then \`tributary streams forget ${stream}\`.`,
    namespace: target,
  });
