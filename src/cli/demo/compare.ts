import { createHash } from 'node:crypto';
import { BSON, type Db } from 'mongodb';

export interface Compared {
  readonly collection: string;
  readonly source: number;
  readonly destination: number;
  readonly onlyAtSource: number;
  readonly onlyAtDestination: number;
  readonly different: number;
}

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
  let onlyAtSource = 0;
  let different = 0;
  for (const [id, digest] of here) {
    const other = there.get(id);
    if (other === undefined) onlyAtSource += 1;
    else if (other !== digest) different += 1;
  }
  const onlyAtDestination = [...there.keys()].filter((id) => !here.has(id)).length;
  return { collection, source: here.size, destination: there.size, onlyAtSource, onlyAtDestination, different };
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
