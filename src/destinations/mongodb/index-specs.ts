import { BSON, type Document, type MongoClient } from 'mongodb';
import { abortable } from '../../mongodb/abortable';
import { codeOf } from '../../mongodb/errors';
import { splitNamespace, type Namespace } from '../../replication/namespace';

/** An index as a server lists it, or is asked to build it. */
export type Index = Document & { readonly name: string };

const faithful = { promoteValues: false, bsonRegExp: true } as const;

/** An index as the destination is asked to build it. */
export function specification(raw: Uint8Array): Index {
  // The version and the namespace are the source's own.
  const { v: _v, ns: _ns, ...rest } = BSON.deserialize(raw, faithful);
  return rest as Index;
}

export const isUnique = (index: Document): boolean => truthy(index['unique']) || truthy(index['prepareUnique']);

/** Of an index, or of the options of a clustered collection. */
export const expires = ({ expireAfterSeconds }: Document): boolean => expireAfterSeconds !== undefined;

export const isHidden = (index: Document): boolean => truthy(index['hidden']);

const truthy = (value: unknown): boolean => value === true || (value instanceof BSON.Int32 && value.value !== 0);

/** The indexes of a target by name, `_id_` left out; none where there is no target. */
export async function indexesOf(
  client: MongoClient,
  target: Namespace,
  signal: AbortSignal,
): Promise<Map<string, Index>> {
  const { database, collection } = splitNamespace(target);
  const listed = client.db(database).collection(collection).listIndexes(faithful);
  const indexes: Document[] = await abortable(listed.toArray(), signal).catch((error: unknown) => {
    if (codeOf(error) === 26) return [];
    throw error;
  });
  return new Map(indexes.filter(({ name }) => name !== '_id_').map((index) => [String(index['name']), index as Index]));
}

/** What cannot be changed of an index that is there. */
const FIXED = ['key', 'sparse', 'partialFilterExpression', 'collation', 'wildcardProjection', 'weights'];

/** Whether an index serves as the other one; whether it is hidden can be changed, so it does not count. */
export const servesAs = (a: Document, b: Document): boolean =>
  isUnique(a) === isUnique(b) &&
  expires(a) === expires(b) &&
  FIXED.every((field) => canonical(a[field]) === canonical(b[field]));

/** Whether an index is what another one would be without what is held back of it. */
export const servesMeanwhile = (a: Document, b: Document): boolean => {
  const { unique: _unique, prepareUnique: _prepare, expireAfterSeconds: _expiry, ...plain } = b;
  return servesAs(a, plain);
};

/** 1 and 1.0 in a key are one, and `false` is what is left out. */
const canonical = (value: unknown): string =>
  value === undefined || value === false ? '' : BSON.EJSON.stringify({ value }, { relaxed: true });
