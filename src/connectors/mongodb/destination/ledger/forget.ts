import type { Document } from 'mongodb';
import type { Kept } from '../../../../core/ports/destination';
import { ReplicationError } from '../../../../core/model/errors';
import type { DeadLetters } from './dead-letters';
import { removeHolder } from './owners';
import { belongsTo, newSessionId } from './records';
import type { Records, Removal, Store } from './store';
import { fenceWriters, fencedBy } from './fencing';

/** How far beyond the ledger's epoch a forgotten stream is fenced: its workflow may have asked for claims that never came here. */
const AHEAD = 1_000;

/** Records that one transaction deletes. */
const AT_ONCE = 500;

/** What is kept of a stream, apart from the rows of its targets. */
export async function kept(store: Store, letters: DeadLetters, stream: string, signal: AbortSignal): Promise<Kept> {
  const own = belongsTo(stream);
  const [record, writers, ranges, namespaces, owned, derived, repairs, deadLetters, verification] = await Promise.all([
    store.stream(stream, signal),
    store.ledger.countDocuments(own, { signal }),
    store.ranges.countDocuments(own, { signal }),
    store.namespacesOf(stream, signal),
    store.ownedBy(stream, signal),
    store.views.countDocuments(own, { signal }),
    store.repairs.countDocuments(own, { signal }),
    letters.count(stream, signal),
    store.verification.countDocuments({ stream }, { signal }),
  ]);
  const ledger = writers + (record === null ? 0 : 1);
  return {
    records: {
      ledger,
      ranges,
      namespaces: namespaces.length,
      owners: owned.length,
      derived,
      repairs,
      deadLetters,
      verification,
    },
    targets: namespaces.flatMap(({ identity, target }) => (identity === null ? [] : [target])).sort(),
    heldIndexes: namespaces.reduce((sum, { held }) => sum + held.length, 0),
  };
}

/**
 * Removes what is kept of a stream. The claim comes first: it aborts what a dead or frozen worker has open, and lets none of them
 * write again. Then the record of the stream becomes a tombstone, in one step: from there on no claim succeeds until the rest is gone.
 * A removal that was cut short goes on when it is asked for again, and then deletes nothing more itself, should it still run.
 */
export async function forget(
  store: Store,
  deadLetters: DeadLetters,
  stream: string,
  signal: AbortSignal,
): Promise<Kept> {
  const before = await kept(store, deadLetters, stream, signal);
  const isThere = Object.values(before.records).some((count) => count > 0);
  if (!isThere && (await store.forgotten(stream, signal)) === null) return before;
  const removal: Removal = { stream, removal: newSessionId() };
  await close(store, removal, signal);
  const own = belongsTo(stream);
  for (const records of [store.ranges, store.namespaces, store.views, store.repairs])
    await clear(store, removal, records as unknown as Records, own, signal);
  for (const records of [store.verification, deadLetters.documents])
    await clear(store, removal, records as unknown as Records, { stream }, signal);
  await disown(store, removal, signal);
  await clear(store, removal, store.ledger as unknown as Records, own, signal);
  if (!(await store.bury(removal, signal))) throw overtaken(stream);
  return before;
}

/** From here on the id is closed: nothing begins under it. */
async function close(store: Store, { stream, removal }: Removal, signal: AbortSignal): Promise<void> {
  const record = await store.stream(stream, signal);
  if (record === null) {
    if (await store.close(stream, removal, signal)) return;
    throw begun(stream);
  }
  const epoch = record.epoch + AHEAD;
  await fenceWriters(store, { stream, epoch, lanes: record.lanes, expect: 'existing' }, signal);
  if (!(await store.entomb(stream, epoch, removal, signal))) throw fencedBy(stream, epoch);
}

async function clear(store: Store, removal: Removal, records: Records, filter: Document, signal: AbortSignal) {
  for (;;) {
    const found = await records.find(filter, { projection: { _id: 1 }, limit: AT_ONCE, signal }).toArray();
    if (found.length === 0) return;
    const ids = found.map(({ _id }) => _id);
    if (!(await store.remove(removal, records, ids, signal))) throw overtaken(removal.stream);
  }
}

/** Targets that other streams share stay theirs. */
async function disown(store: Store, removal: Removal, signal: AbortSignal): Promise<void> {
  const { stream } = removal;
  for (;;) {
    const targets = (await store.ownedBy(stream, signal)).slice(0, AT_ONCE);
    if (targets.length === 0) return;
    if (!(await store.removing(removal, (session) => removeHolder(store, stream, targets, session), signal)))
      throw overtaken(stream);
  }
}

const overtaken = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'being_forgotten',
    message: `another process removes the records of stream ${stream}`,
    remedy: 'Let that one come to its end.',
  });

const begun = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'stream_began',
    message: `a new stream ${stream} began meanwhile`,
    remedy: `Where that one is to go too, run \`tributary streams stop ${stream}\` and forget it again.`,
  });
