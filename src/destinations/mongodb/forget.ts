import { abortable } from '../../mongodb/abortable';
import type { Kept } from '../../replication/destination';
import type { Letters } from './letters';
import { belongsTo } from './records';
import type { Store } from './store';
import { takeOver, taken } from './takeover';

/** How far beyond the ledger's epoch a forgotten stream is fenced: its workflow may have asked for claims that never came here. */
const AHEAD = 1_000;

/** What is kept of a stream, beside the rows of its targets. */
export async function kept(store: Store, letters: Letters, stream: string, signal: AbortSignal): Promise<Kept> {
  const own = belongsTo(stream);
  const [record, writers, ranges, namespaces, derived, repairs, deadLetters, verification] = await Promise.all([
    store.stream(stream, signal),
    store.ledger.countDocuments(own, { signal }),
    store.ranges.countDocuments(own, { signal }),
    store.namespacesOf(stream, signal),
    store.views.countDocuments(own, { signal }),
    store.repairs.countDocuments(own, { signal }),
    letters.count(stream, signal),
    store.verification.countDocuments({ stream }, { signal }),
  ]);
  const ledger = writers + (record === null ? 0 : 1);
  return {
    records: { ledger, ranges, namespaces: namespaces.length, derived, repairs, deadLetters, verification },
    targets: namespaces.flatMap(({ identity, target }) => (identity === null ? [] : [target])).sort(),
    heldIndexes: namespaces.reduce((sum, { held }) => sum + held.length, 0),
  };
}

/**
 * Removes what is kept of a stream. The claim comes first: it aborts what a dead or frozen worker has open, and lets none of them
 * write again. Then the record of the stream becomes a tombstone, in one step: from there on no claim succeeds until the rest is gone.
 * A removal that was cut short goes on when it is asked for again.
 */
export async function forget(store: Store, letters: Letters, stream: string, signal: AbortSignal): Promise<void> {
  const record = await store.stream(stream, signal);
  if (record !== null) {
    const epoch = record.epoch + AHEAD;
    await takeOver(store, { stream, epoch, lanes: record.lanes, expect: 'existing' }, signal);
    if (!(await store.entomb(stream, epoch, signal))) throw taken(stream, epoch);
  }
  const own = belongsTo(stream);
  await abortable(store.ranges.deleteMany(own), signal);
  await abortable(store.namespaces.deleteMany(own), signal);
  await abortable(store.views.deleteMany(own), signal);
  await abortable(store.repairs.deleteMany(own), signal);
  await abortable(store.verification.deleteMany({ stream }), signal);
  await letters.remove(stream, signal);
  await abortable(store.ledger.deleteMany(own), signal);
  await store.buried(stream, signal);
}
