import { BSON, Decimal128, Double, Int32, Long } from 'mongodb';
import fc from 'fast-check';
import { RawDocument, rawInteger, rawText, sameValue } from '../../src/formats/bson/raw-document';

const raw = (value: BSON.Document | Map<string, unknown>): RawDocument => RawDocument.from(BSON.serialize(value));

/** Names that look like integers, which a JavaScript object would put first. */
const mixed = new Map<string, unknown>([
  ['b', 1],
  [
    '10',
    new Map([
      ['z', 1],
      ['2', 1],
    ]),
  ],
  [
    '2',
    [
      new Map([
        ['y', 1],
        ['0', 1],
      ]),
    ],
  ],
]);

describe('a raw document', () => {
  it('keeps the order of its names, through the driver too', () => {
    const document = raw(mixed);
    expect(document.names).toEqual(['b', '10', '2']);
    expect(BSON.serialize(document.toMap() as unknown as BSON.Document)).toEqual(document.bytes);
  });

  it('is changed by name and nowhere else', () => {
    const document = raw(mixed);
    expect(document.without('10').names).toEqual(['b', '2']);
    expect(document.pick((name) => name === '2').names).toEqual(['2']);
    expect(document.with('10', rawInteger(7)).names).toEqual(['b', '10', '2']);
    expect(document.with('new', rawText('é')).text('new')).toBe('é');
    expect(document.bytes).toEqual(raw(mixed).bytes);
  });

  it('reads what it is asked for', () => {
    const document = raw({
      text: 'a',
      yes: true,
      one: new Double(1),
      no: false,
      zero: 0,
      inner: { a: 1 },
      list: [{ b: 1 }, 2],
    });
    expect(document.text('text')).toBe('a');
    expect(['yes', 'one', 'no', 'zero', 'text', 'missing'].map((name) => document.flag(name))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(document.document('inner')?.names).toEqual(['a']);
    expect(document.documents('list').map(({ names }) => names)).toEqual([['b']]);
    expect([document.document('text'), document.text('inner'), document.documents('text')]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });

  it('is nothing where there are no bytes, and says where the driver has no exact form of it', () => {
    expect(RawDocument.from(Buffer.alloc(0)).isEmpty).toBe(true);
    const twice = Buffer.concat([
      Buffer.from([19, 0, 0, 0]),
      ...[1, 2].map((n) => Buffer.from([0x10, 97, 0, n, 0, 0, 0])),
      Buffer.from([0]),
    ]);
    expect(RawDocument.from(twice).names).toEqual(['a', 'a']);
    expect(RawDocument.from(twice).toMap()).toBeNull();
    const latin1 = raw({ ab: 'xy' }).bytes;
    latin1[latin1.length - 4] = 0xe9;
    expect(RawDocument.from(latin1).toMap()).toBeNull();
    expect(RawDocument.from(latin1).bytes).toEqual(latin1);
  });

  it('of any content comes back byte for byte', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.boolean(),
        fc.integer(),
        fc.double().map((n) => new Double(n)),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => Long.fromBigInt(n)),
        fc.array(tie('any'), { maxLength: 3 }),
        tie('map'),
      ),
      map: fc
        .uniqueArray(fc.tuple(fc.oneof(fc.nat(20).map(String), fc.stringMatching(/^[a-z.$]{1,4}$/u)), tie('any')), {
          selector: ([name]) => name,
          maxLength: 5,
        })
        .map((entries) => new Map(entries)),
    })).map;
    fc.assert(
      fc.property(value, (map) => {
        const document = raw(map);
        expect(document.bytes.equals(BSON.serialize(map as unknown as BSON.Document))).toBe(true);
        expect(BSON.serialize(document.toMap() as unknown as BSON.Document)).toEqual(document.bytes);
      }),
    );
  });
});

describe('two values', () => {
  const same = (a: unknown, b: unknown): boolean => sameValue(raw({ v: a }).get('v'), raw({ v: b }).get('v'));

  it('are one by value and order', () => {
    expect(same(1, new Double(1))).toBe(true);
    expect(same(new Int32(1), Long.fromNumber(1))).toBe(true);
    expect(same({ a: 1 }, { a: Decimal128.fromString('1.0') })).toBe(true);
    expect(same({ a: 1, b: 1 }, { b: 1, a: 1 })).toBe(false);
    expect(same('1', 1)).toBe(false);
    expect(sameValue(undefined, undefined)).toBe(true);
    expect(sameValue(undefined, rawInteger(1))).toBe(false);
  });
});
