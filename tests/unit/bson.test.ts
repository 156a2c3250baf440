import { BSON, Binary, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'mongodb';
import fc from 'fast-check';
import {
  array,
  booleanElement,
  document,
  element,
  header,
  int32Element,
  stringElement,
} from '../../src/formats/bson/build';
import { BsonType } from '../../src/formats/bson/types';
import { CorruptBson, documentEnd, elements, find, findOne, names, slice, text } from '../../src/formats/bson/walk';

const bytesOf = (value: BSON.Document): Buffer => Buffer.from(BSON.serialize(value));

const everything = {
  double: new Double(1),
  string: 'é\u0000x',
  document: { '2': 1, '10': 2 },
  array: [1, 'two', null],
  binary: new Binary(Buffer.from('abc'), 5),
  old: new Binary(Buffer.from('abc'), 2),
  id: new ObjectId(),
  bool: true,
  date: new Date(0),
  null: null,
  regex: new BSON.BSONRegExp('a.*', 'sx'),
  code: new Code('f()'),
  scoped: new Code('f()', { a: 1 }),
  symbol: new BSON.BSONSymbol('s'),
  int32: new Int32(-1),
  timestamp: new Timestamp({ t: 1, i: 2 }),
  long: Long.fromString('9007199254740993'),
  decimal: Decimal128.fromString('1.10'),
  min: new MinKey(),
  max: new MaxKey(),
  pointer: new BSON.DBRef('c', new ObjectId()),
  last: 1,
};

describe('walk', () => {
  it('finds every element of every type with its bytes', () => {
    const buf = bytesOf(everything);
    const list = elements(buf);
    expect(list.map((each) => each.name)).toEqual(Object.keys(everything));
    const again = document(list.map((each) => element(each.type, each.name, slice(buf, each))));
    expect(again.equals(buf)).toBe(true);
  });

  it('works at an offset and answers in the order asked', () => {
    const buf = Buffer.concat([Buffer.from('junk'), bytesOf({ a: 1, b: 'x', c: 2 })]);
    const [c, missing, b] = find(buf, 4, names('c', 'nothing', 'b'));
    expect(c && buf.readInt32LE(c.start)).toBe(2);
    expect(missing).toBeUndefined();
    expect(b && text(buf, b)).toBe('x');
  });

  it('takes the first of duplicate names', () => {
    const buf = document([int32Element('a', 1), int32Element('a', 2)]);
    const found = findOne(buf, 0, 'a');
    expect(found && buf.readInt32LE(found.start)).toBe(1);
  });

  it('never reads past a cut or damaged document', () => {
    const buf = bytesOf(everything);
    for (let length = 0; length < buf.length; length++)
      expect(() => elements(buf.subarray(0, length))).toThrow(CorruptBson);
    fc.assert(
      fc.property(fc.nat(buf.length - 1), fc.nat(255), (at, byte) => {
        const damaged = Buffer.from(buf);
        damaged[at] = byte;
        try {
          elements(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptBson);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('names the place and not the content', () => {
    expect(() => documentEnd(Buffer.from('secret!!'))).toThrow(/^corrupt BSON at byte 0: /);
  });
});

describe('build', () => {
  it('makes what the driver makes', () => {
    const inner = bytesOf({ _id: 1 });
    const built = document([
      header(BsonType.document, 'q'),
      inner,
      booleanElement('upsert', true),
      stringElement('näme', 'wört'),
      int32Element('n', -7),
      header(BsonType.array, 'list'),
      array([inner, inner]),
    ]);
    expect(
      built.equals(
        bytesOf({ q: { _id: 1 }, upsert: true, näme: 'wört', n: new Int32(-7), list: [{ _id: 1 }, { _id: 1 }] }),
      ),
    ).toBe(true);
  });
});
