import { BSON } from 'mongodb';
import { document, rawHeader } from './build';
import { BsonType } from './types';
import { walk } from './walk';

/** Old drivers wrote text that is not valid UTF-8: it is shown as well as it can be. */
const READ = { promoteValues: false, bsonRegExp: true, validation: { utf8: false } } as const;
const VALUE = Buffer.from('v');

export interface ExtendedOptions {
  /** Every value with its type; without it, numbers and dates read as people write them. */
  readonly canonical: boolean;
}

/**
 * A document as Extended JSON with its fields in their own order: an object, or a Map where names such as `10` would come first in
 * an object.
 */
export function extended(bytes: Buffer, options: ExtendedOptions, offset = 0): unknown {
  const fields: [string, unknown][] = [];
  walk(bytes, offset, (type, nameStart, nameEnd, start, end) => {
    fields.push([bytes.toString('utf8', nameStart, nameEnd), valueOf(bytes, type, start, end, options)]);
    return false;
  });
  return inOrder(fields);
}

function valueOf(bytes: Buffer, type: number, start: number, end: number, options: ExtendedOptions): unknown {
  if (type === BsonType.document) return extended(bytes, options, start);
  if (type === BsonType.array) {
    const values: unknown[] = [];
    walk(bytes, start, (each, _nameStart, _nameEnd, from, to) => {
      values.push(valueOf(bytes, each, from, to, options));
      return false;
    });
    return values;
  }
  const alone = document([rawHeader(type, VALUE), bytes.subarray(start, end)]);
  const shown = BSON.EJSON.serialize(BSON.deserialize(alone, READ), { relaxed: !options.canonical });
  return (shown as { readonly v: unknown }).v;
}

function inOrder(fields: readonly (readonly [string, unknown])[]): unknown {
  const object = Object.fromEntries(fields);
  const kept = Object.keys(object);
  const isSame = kept.length === fields.length && kept.every((name, index) => name === fields[index]?.[0]);
  return isSame ? object : new Map(fields);
}
