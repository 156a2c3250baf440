import { BSON, type Db } from 'mongodb';

/** Every document of a database as raw bytes, by collection and canonical `_id`. */
export async function contents(db: Db): Promise<Map<string, Buffer>> {
  const all = new Map<string, Buffer>();
  const collections = await db.listCollections({}, { nameOnly: true }).toArray();
  for (const { name } of collections.sort((a, b) => a.name.localeCompare(b.name))) {
    if (name.startsWith('system.')) continue;
    all.set(name, Buffer.from('a collection'));
    for await (const raw of db.collection(name).find({}, { raw: true })) {
      const bytes = raw as unknown as Buffer;
      const { _id: id } = BSON.deserialize(bytes, { promoteValues: false, bsonRegExp: true }) as { _id: unknown };
      all.set(`${name} ${BSON.EJSON.stringify({ id }, { relaxed: false })}`, bytes);
    }
  }
  return all;
}

const show = (bytes: Buffer | undefined): string => {
  if (bytes === undefined) return 'nothing';
  if (!bytes.subarray(0, 4).equals(lengthOf(bytes))) return bytes.toString();
  return `${BSON.EJSON.stringify(BSON.deserialize(bytes, { promoteValues: false, bsonRegExp: true }), { relaxed: false })} (${bytes.toString('hex')})`;
};

const lengthOf = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32LE(bytes.length);
  return length;
};

/** What differs between two databases, in words; empty when they are byte for byte the same. */
export async function differences(source: Db, destination: Db): Promise<string[]> {
  const [here, there] = await Promise.all([contents(source), contents(destination)]);
  return [...new Set([...here.keys(), ...there.keys()])].flatMap((key) => {
    const [a, b] = [here.get(key), there.get(key)];
    return a && b?.equals(a) ? [] : [`${key}: source has ${show(a)}, destination has ${show(b)}`];
  });
}
