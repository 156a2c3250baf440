import type { MongoClient } from 'mongodb';
import type { Finding } from '../../../core/model/finding';
import { namespace } from '../../../core/model/namespace';
import type { Selection } from '../../../core/mapping/pattern';
import { databaseNames, list } from './namespaces';

const NAMED = 10;

/**
 * Databases that the stream selects, and that hold no collection: a migration that is whole by every other sign would not have
 * them. What a person has left out on purpose is none of them.
 */
export async function withoutRows(client: MongoClient, selection: Selection, signal: AbortSignal): Promise<Finding[]> {
  const found: string[] = [];
  for (const database of await databaseNames(client, selection, signal)) {
    const all = await list(client.db(database), {}, signal);
    const system = all.filter(({ name }) => name.startsWith('system.')).map(({ name }) => name);
    const others = all.filter(({ name }) => !name.startsWith('system.'));
    // One that is not there yet is told by what is selected.
    if (all.length === 0 && selection.database !== null) continue;
    if (others.some(({ name, type }) => type !== 'view' || !selection.matches(namespace(database, name)))) continue;
    found.push(`${database} (${others.length > 0 ? 'only views' : told(system)})`);
  }
  if (found.length === 0) return [];
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : '';
  return [
    {
      severity: 'note',
      code: 'databases_without_rows',
      message: `no row is copied of these databases of the source, because they hold no collection: ${found.slice(0, NAMED).join(', ')}${more}`,
      remedy:
        'Nothing to do, if that is as it should be. Views are made; make by hand what is needed of system collections.',
    },
  ];
}

const told = (system: readonly string[]): string =>
  system.length === 0 ? 'nothing' : `only ${[...system].sort().join(', ')}`;
