import { createHash } from 'node:crypto';
import { BSON, type Db } from 'mongodb';

export interface Compared {
  readonly collection: string;
  readonly source: number;
  readonly destination: number;
  readonly onlyAtSource: number;
  readonly onlyAtDestination: number;
  readonly different: number;
  /** A few ids of rows that are not the same, as extended JSON. */
  readonly examples: readonly string[];
}

const EXAMPLES = 5;

export const identical = (all: readonly Compared[]): boolean =>
  all.every(
    ({ onlyAtSource, onlyAtDestination, different }) =>
      onlyAtSource === 0 && onlyAtDestination === 0 && different === 0,
  );

/** Both databases completely: every collection of either, every document by `_id`, byte for byte, in both directions. */
export async function compare(source: Db, destination: Db): Promise<Compared[]> {
  const names = new Set([...(await collections(source)), ...(await collections(destination))]);
  const all: Compared[] = [];
  for (const name of [...names].sort()) all.push(await compareCollection(source, destination, name));
  return all;
}

async function collections(db: Db): Promise<string[]> {
  const all = await db.listCollections({}, { nameOnly: true }).toArray();
  return all.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
}

async function compareCollection(source: Db, destination: Db, collection: string): Promise<Compared> {
  const [here, there] = await Promise.all([digests(source, collection), digests(destination, collection)]);
  const onlyAtSource = [...here.keys()].filter((id) => !there.has(id));
  const onlyAtDestination = [...there.keys()].filter((id) => !here.has(id));
  const different = [...here].filter(([id, digest]) => (there.get(id) ?? digest) !== digest).map(([id]) => id);
  return {
    collection,
    source: here.size,
    destination: there.size,
    onlyAtSource: onlyAtSource.length,
    onlyAtDestination: onlyAtDestination.length,
    different: different.length,
    examples: [...onlyAtSource, ...onlyAtDestination, ...different].slice(0, EXAMPLES),
  };
}

/** Of the raw BSON, so that types, key order and number formats count. */
async function digests(db: Db, collection: string): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  const cursor = db.collection(collection).find({}, { raw: true, batchSize: 5_000 });
  for await (const raw of cursor) {
    const bytes = raw as unknown as Buffer;
    const { _id: id } = BSON.deserialize(bytes, { promoteValues: false, promoteLongs: false }) as { _id: unknown };
    all.set(BSON.EJSON.stringify({ id }, { relaxed: false }), createHash('sha1').update(bytes).digest('base64'));
  }
  return all;
}
