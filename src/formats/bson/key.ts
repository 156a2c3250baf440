import type { Key } from '../../core/model/change';
import { document, header } from './build';
import { decimalText, doubleText, int64Text } from './number';
import { BsonType } from './types';
import { CorruptBson, findOne, walk, type Element } from './walk';

/**
 * When the server holds two `_id`s for one (simple collation; a collection with another collation keeps whole order):
 * - numbers by value: int32, int64, double and Decimal128, -0 and 0, and every NaN with every other;
 * - a string and a symbol by their bytes;
 * - documents by their elements in order: name and value, values by these rules again; arrays by their values;
 * - everything else by type and bytes (binary with its subtype, a regular expression with its flags).
 * Null and undefined, date and timestamp, `false` and 0 are different.
 */
function valueId(buf: Buffer, type: number, start: number, end: number): string {
  switch (type) {
    case BsonType.objectId:
      return 'o' + buf.toString('latin1', start, end);
    case BsonType.string:
    case BsonType.symbol:
      return 's' + buf.toString('latin1', start + 4, end - 1);
    case BsonType.int32:
      return 'n' + buf.readInt32LE(start).toString();
    case BsonType.int64:
      return 'n' + int64Text(buf.readBigInt64LE(start));
    case BsonType.double:
      return 'n' + doubleText(buf.readDoubleLE(start));
    case BsonType.decimal128:
      return 'n' + decimalText(buf, start);
    case BsonType.document:
      return 'd' + compoundId(buf, start, true);
    case BsonType.array:
      return 'a' + compoundId(buf, start, false);
    case BsonType.codeWithScope: {
      const scope = start + 8 + buf.readInt32LE(start + 4);
      return `c${buf.toString('latin1', start + 8, scope - 1)}\0${compoundId(buf, scope, true)}`;
    }
    default:
      return `${type}:${buf.toString('latin1', start, end)}`;
  }
}

function compoundId(buf: Buffer, start: number, named: boolean): string {
  let id = '';
  walk(buf, start, (type, nameStart, nameEnd, valueStart, valueEnd) => {
    const value = valueId(buf, type, valueStart, valueEnd);
    // Names hold no zero byte, and the length fences the value: two different documents never run together.
    id += `${named ? buf.toString('latin1', nameStart, nameEnd) : ''}\0${value.length}:${value}`;
    return false;
  });
  return id;
}

/** 32 bits of an identity, all of them well mixed, so that a remainder by any number of lanes spreads. */
export function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export const identityOf = (buf: Buffer, element: Element): string =>
  valueId(buf, element.type, element.start, element.end);

/** The key of a `documentKey`, by `_id` alone: the shard key's fields may change, and are not unique. */
export function keyOf(documentKey: Buffer): Key {
  const element = findOne(documentKey, 0, '_id');
  if (element === undefined) throw new CorruptBson('a document key has no _id', 0);
  const id = identityOf(documentKey, element);
  return { id, hash: hashOf(id), bytes: documentKey };
}

/** The key of a whole row. */
export function keyOfRow(row: Buffer): Key {
  const key = idDocument(row);
  if (key === null) throw new CorruptBson('a row has no _id', 0);
  return keyOf(key);
}

/** `{ _id: … }` of a whole row, copied; null where the row has none. */
export function idDocument(row: Buffer): Buffer | null {
  const element = findOne(row, 0, '_id');
  if (element === undefined) return null;
  return document([header(element.type, '_id'), row.subarray(element.start, element.end)]);
}
