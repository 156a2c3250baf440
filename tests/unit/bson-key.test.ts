import {
  BSON,
  Binary,
  BSONRegExp,
  BSONSymbol,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
} from 'mongodb';
import fc from 'fast-check';
import { hashOf, idDocument, keyOf } from '../../src/formats/bson/key';

const key = (_id: unknown, rest: BSON.Document = {}) => keyOf(Buffer.from(BSON.serialize({ ...rest, _id })));
const id = (value: unknown) => key(value).id;
const decimal = (text: string) => Decimal128.fromString(text);

/** Each line is one key to the server, and no two lines are the same. */
const classes: readonly (readonly unknown[])[] = [
  [new Int32(1), Long.fromNumber(1), new Double(1), decimal('1'), decimal('1.000'), decimal('10E-1')],
  [new Int32(0), Long.ZERO, new Double(0), new Double(-0), decimal('0'), decimal('-0'), decimal('0E+300')],
  [new Double(NaN), decimal('NaN')],
  [new Double(Infinity), decimal('Infinity')],
  [new Double(-Infinity), decimal('-Infinity')],
  [new Double(0.5), decimal('0.5'), decimal('0.50')],
  // The double nearest to a tenth is not a tenth.
  [new Double(0.1)],
  [decimal('0.1'), decimal('0.10')],
  [new Double(-2.75), decimal('-2.75')],
  [new Int32(1000), decimal('1E3')],
  [Long.fromString('9007199254740992'), new Double(2 ** 53), decimal('9007199254740992')],
  [Long.fromString('9007199254740993'), decimal('9007199254740993')],
  [Long.MAX_VALUE],
  [new Double(2 ** 63), decimal('9223372036854775808')],
  [new Double(1e22), decimal('1E22'), decimal('10000000000000000000000')],
  [decimal('1E6144')],
  [new Double(1e308)],
  [new Double(5e-324)],
  ['a', new BSONSymbol('a')],
  ['A'],
  ['1'],
  [''],
  [null],
  [true],
  [false],
  [new Date(0)],
  [new Timestamp({ t: 0, i: 0 })],
  [new MinKey()],
  [new MaxKey()],
  [new ObjectId('000000000000000000000001')],
  [new Binary(Buffer.from('a'), 0)],
  [new Binary(Buffer.from('a'), 5)],
  [new BSONRegExp('a', '')],
  [new BSONRegExp('a', 'i')],
  [{}],
  [
    { a: new Int32(1), b: 'x' },
    { a: new Double(1), b: new BSONSymbol('x') },
  ],
  [{ b: 'x', a: new Int32(1) }],
  [{ a: { b: new Double(-0) } }, { a: { b: new Int32(0) } }],
  [{ a: [new Int32(1), 'x'] }, { a: [Long.ONE, 'x'] }],
  [{ a: [new Int32(1)], b: 'x' }],
  [{ a: '', b: '' }],
  [{ a: '\0b' }],
];

describe('the identity of a key', () => {
  it('is one exactly when the server holds the keys for one', () => {
    const ids = classes.map((same) => new Set(same.map(id)));
    for (const [index, set] of ids.entries()) expect([index, set.size]).toEqual([index, 1]);
    expect(new Set(ids.flatMap((set) => [...set])).size).toBe(classes.length);
  });

  it('reads _id alone', () => {
    expect(key(1, { region: 'eu' }).id).toBe(key(1, { region: 'us' }).id);
    expect(() => keyOf(Buffer.from(BSON.serialize({ a: 1 })))).toThrow('no _id');
  });

  it('agrees with arithmetic for every double and int64', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        expect(id(new Double(a)) === id(new Double(b))).toBe(a === b);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(id(Long.fromBigInt(value))).toBe(id(decimal(value.toString())));
        expect(id(new Double(Number(value))) === id(Long.fromBigInt(value))).toBe(BigInt(Number(value)) === value);
      }),
    );
  });

  it('spreads over any number of lanes', () => {
    for (const lanes of [2, 3, 4, 7, 64]) {
      const counts = new Array<number>(lanes).fill(0);
      for (let n = 0; n < lanes * 500; n++) {
        const lane = key(new Int32(n)).hash % lanes;
        counts[lane] = (counts[lane] ?? 0) + 1;
      }
      expect(Math.max(...counts)).toBeLessThan(700);
      expect(Math.min(...counts)).toBeGreaterThan(300);
    }
  });

  it('never changes its hash: the ledger counts on it', () => {
    expect([hashOf(''), hashOf('n1'), hashOf('oabc')]).toMatchInlineSnapshot(`
     [
       2872998923,
       2855225089,
       803038553,
     ]
    `);
  });

  it('is taken out of a row with its bytes', () => {
    const row = Buffer.from(BSON.serialize({ a: 1, _id: new Double(1), b: 2 }));
    expect(idDocument(row)?.equals(Buffer.from(BSON.serialize({ _id: new Double(1) })))).toBe(true);
    expect(idDocument(Buffer.from(BSON.serialize({ a: 1 })))).toBeNull();
  });
});
