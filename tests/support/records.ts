import { controllerForMany } from '../../src/core/async/controller';
import type { MongoClient } from 'mongodb';
import { forget } from '../../src/connectors/mongodb/destination/ledger/forget';
import { DEFAULT_DEAD_LETTERS, DeadLetters } from '../../src/connectors/mongodb/destination/ledger/dead-letters';
import { Store } from '../../src/connectors/mongodb/destination/ledger/store';

export const LEDGER = 'tributary';

/**
 * Takes what a stream keeps beside its data out of a shared server, as `streams forget` does, and its tombstone with it. An
 * embedded server reads a whole collection for a range of ids, as every claim does: with the records of all streams of a run each
 * test would be slower than the last.
 */
export async function forgetRecords(client: MongoClient, stream: string): Promise<void> {
  const store = new Store(client, LEDGER);
  await forget(store, new DeadLetters(store, `${LEDGER}.${DEFAULT_DEAD_LETTERS}`), stream, controllerForMany().signal);
  await store.ledger.deleteOne({ _id: stream });
}
