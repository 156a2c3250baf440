import { BSON } from 'mongodb';
import { document, header } from './build';
import { BsonType } from './types';
import { elements, type Element } from './walk';

/**
 * A value as the driver sends it back byte for byte: wrappers for scalars, and a Map for a document, because a
 * JavaScript object would reorder names that look like integers. Null where the driver has no exact form of it
 * (a date out of JavaScript's range, a name given twice, text that is not UTF-8).
 */
export function toDriver(buf: Buffer, element: Element): { readonly value: unknown } | null {
  const value = convert(buf, element);
  const sent = Buffer.from(BSON.serialize(new Map([['v', value]]) as unknown as BSON.Document));
  const exact = document([header(element.type, 'v'), buf.subarray(element.start, element.end)]);
  return sent.equals(exact) ? { value } : null;
}

function convert(buf: Buffer, element: Element): unknown {
  switch (element.type) {
    case BsonType.document:
      return new Map(elements(buf, element.start).map((each) => [each.name, convert(buf, each)]));
    case BsonType.array:
      return elements(buf, element.start).map((each) => convert(buf, each));
    default: {
      const bytes = document([header(element.type, 'v'), buf.subarray(element.start, element.end)]);
      // Text that is not UTF-8 is decoded to something else instead of an error: then the bytes are not the same again.
      return BSON.deserialize(bytes, { promoteValues: false, bsonRegExp: true, validation: { utf8: false } })['v'];
    }
  }
}
