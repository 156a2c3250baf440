import { BSON, type Db, type Document } from 'mongodb';
import { contents } from '../support/same';

const LONG = 200;

const read = (bytes: Buffer): Document => BSON.deserialize(bytes, { promoteValues: false, bsonRegExp: true });

const shown = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : BSON.EJSON.stringify({ value }, { relaxed: false }).slice(9, -1);
  return text.length > LONG ? `${text.slice(0, LONG)}… (${text.length})` : text;
};

/** Which fields differ, in few words: rows may be large. */
function fields(here: Buffer, there: Buffer): string {
  const [a, b] = [read(here), read(there)];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => shown(a[name]) !== shown(b[name]),
  );
  const order = `order of fields: ${Object.keys(a).join(' ')} and ${Object.keys(b).join(' ')}`;
  return [
    `versions ${shown(a['v'])} and ${shown(b['v'])}`,
    ...names.filter((name) => name !== 'v').map((name) => `${name} ${shown(a[name])} and ${shown(b[name])}`),
    ...(names.length === 0 ? [order] : []),
  ].join('; ');
}

const isRow = (bytes: Buffer): boolean => bytes.length >= 5 && bytes.readInt32LE(0) === bytes.length;

/** What differs between both sides, in words; of collections that `followed` knows. Nothing when they are the same. */
export async function unlike(
  source: Db,
  destination: Db,
  followed: (collection: string) => boolean,
): Promise<string[]> {
  const [here, there] = await Promise.all([contents(source), contents(destination)]);
  return [...new Set([...here.keys(), ...there.keys()])].flatMap((key) => {
    const [a, b] = [here.get(key), there.get(key)];
    if (!followed(key.split(' ', 1)[0] ?? '') || (a && b?.equals(a))) return [];
    if (a && b && isRow(a) && isRow(b)) return [`not the same: ${key}: source and destination have ${fields(a, b)}`];
    const only = a ?? b;
    const version = only && isRow(only) ? `, version ${shown(read(only)['v'])}` : '';
    return [`not the same: ${key}: only the ${a ? 'source' : 'destination'} has it${version}`];
  });
}
