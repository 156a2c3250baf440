import fc from 'fast-check';
import { BSON, Long } from 'mongodb';
import { stringify } from 'yaml';
import { document, int32Element, rawHeader } from '../../src/formats/bson/build';
import { extended } from '../../src/formats/bson/extended-json';
import { BsonType } from '../../src/formats/bson/types';
import { shown } from '../../src/cli/verify/keys';
import { orderedJson } from '../../src/cli/ordered-json';

/** `{ _id: { b: 1, 10: 2, 2: 3 } }`, which no JavaScript object can be. */
const inner = document([int32Element('b', 1), int32Element('10', 2), int32Element('2', 3)]);
const key = document([rawHeader(BsonType.document, Buffer.from('_id')), inner]);

test('fields of a compound key keep their order, also with names like numbers', () => {
  expect(shown(key)).toBe('{"b":{"$numberInt":"1"},"10":{"$numberInt":"2"},"2":{"$numberInt":"3"}}');
  const relaxed = extended(key, { canonical: false });
  expect(orderedJson(relaxed)).toBe('{"_id":{"b":1,"10":2,"2":3}}');
  expect(orderedJson(relaxed, '  ')).toBe('{\n  "_id": {\n    "b": 1,\n    "10": 2,\n    "2": 3\n  }\n}');
  expect(stringify(relaxed)).toBe('_id:\n  b: 1\n  "10": 2\n  "2": 3\n');
});

test('other keys and rows are shown as the driver shows them', () => {
  const row = {
    _id: Long.fromNumber(7),
    at: new Date(0),
    list: [1, { x: null, y: [new BSON.ObjectId('0123456789abcdef01234567')] }],
    re: new BSON.BSONRegExp('a', 'i'),
    bytes: new BSON.Binary(Buffer.from([1, 2])),
    code: new BSON.Code('f', { z: 1 }),
    ref: new BSON.DBRef('c', new BSON.ObjectId('0123456789abcdef01234567')),
    big: BSON.Decimal128.fromString('1.50'),
  };
  const bytes = Buffer.from(BSON.serialize(row));
  for (const canonical of [true, false])
    expect(extended(bytes, { canonical })).toEqual(BSON.EJSON.serialize(row, { relaxed: !canonical }));
  expect(shown(Buffer.from(BSON.serialize({ _id: row._id })))).toBe('{"$numberLong":"7"}');
});

test('what holds no Map is written as JSON.stringify writes it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(orderedJson(value)).toBe(JSON.stringify(value));
      expect(orderedJson(value, '  ')).toBe(JSON.stringify(value, null, 2));
    }),
  );
  const odd = { a: undefined, b: [undefined, new Date(0)], c: () => 1, d: NaN };
  expect(orderedJson(odd, '  ')).toBe(JSON.stringify(odd, null, 2));
});
