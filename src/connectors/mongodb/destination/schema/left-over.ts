import type { MongoClient } from 'mongodb';
import { listCollections } from '../../driver/listing';
import type { Finding } from '../../../../core/model/finding';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import type { NamespaceDocument } from '../ledger/records';

const NAMED = 10;

const databaseOf = (name: Namespace): string => splitNamespace(name).database;

/** What was dropped at the source, as opposed to what a person wants kept or no longer wants followed. */
const isGone = ({ identity, kept, left }: NamespaceDocument): boolean =>
  identity === null && kept === undefined && left !== true;

/**
 * Databases that a stream has written to, that hold nothing of it any more and are there all the same: something in them is not the
 * stream's, so that it does not drop them.
 */
export async function leftOver(
  client: MongoClient,
  records: readonly NamespaceDocument[],
  /** Targets of all that the source has now. */
  targets: readonly Namespace[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const used = new Set(
    [...targets, ...records.filter((each) => !isGone(each)).map(({ target }) => target)].map(databaseOf),
  );
  const gone = new Set(records.filter(isGone).map(({ target }) => databaseOf(target)));
  const found: string[] = [];
  for (const database of [...gone].filter((name) => !used.has(name)).sort()) {
    const names = (await listCollections(client.db(database), {}, signal)).map(({ name }) => name).sort();
    if (names.length > 0) found.push(`${database} (${some(names)})`);
  }
  if (found.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'databases_left_over',
      message: `the source no longer has these databases, and the destination still has them, with what this stream has not made: ${some(found)}`,
      remedy: 'Look at what is in them, and drop at the destination those that are not needed.',
    },
  ];
}

const some = (names: readonly string[]): string =>
  names.length > NAMED ? `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more` : names.join(', ');
