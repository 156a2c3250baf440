import { BSON, Binary, Double, Long, type Document } from 'mongodb';
import fc from 'fast-check';
import { RawDocument } from '../../src/formats/bson/raw-document';
import { collationOf, sameCollation } from '../../src/connectors/mongodb/schema/collation';
import { withInherited } from '../../src/connectors/mongodb/driver/listing';
import {
  differences,
  excludes,
  requested,
  servesAs,
  servesMeanwhile,
  specification,
} from '../../src/connectors/mongodb/destination/indexes/index-specs';

const bytes = (value: Document | Map<string, unknown>): Buffer => Buffer.from(BSON.serialize(value as Document));
const index = (options: Document) => specification(bytes({ v: 2, key: { a: 1 }, name: 'i', ...options }));
const key = (...fields: readonly (readonly [string, unknown])[]) => ({ key: new Map(fields) });

/** As MongoDB lists a collation: with everything that was not said. */
const filled = (said: Document): Document => ({
  caseLevel: false,
  caseFirst: 'off',
  strength: 3,
  numericOrdering: false,
  alternate: 'non-ignorable',
  maxVariable: 'punct',
  normalization: false,
  backwards: false,
  version: '57.1',
  ...said,
});

const text = { key: { _fts: 'text', _ftsx: 1 }, weights: { a: 1, b: 2 } };
const textListed = { ...text, default_language: 'english', language_override: 'language', textIndexVersion: 3 };

describe('two indexes are one', () => {
  it.each<[string, Document, Document]>([
    ['where numbers have other types', { key: { a: 1 } }, { key: { a: new Double(1) } }],
    ['where a flag is false or left out', { unique: false, sparse: false }, { hidden: false, prepareUnique: false }],
    ['whatever built them', { background: true, v: 1 }, { ns: 'a.b', dropDups: true, v: 2 }],
    ['where text options are the defaults', text, textListed],
    ['whatever the order of weights', textListed, { ...textListed, weights: { b: 2, a: 1 } }],
    ['where 2d options are the defaults', { key: { a: '2d' } }, { key: { a: '2d' }, bits: 26, min: -180, max: 180.0 }],
    [
      'where the version of 2dsphere is the default',
      { key: { a: '2dsphere' } },
      { key: { a: '2dsphere' }, '2dsphereIndexVersion': 3 },
    ],
    [
      'where the server filled a collation in',
      { collation: { locale: 'en' } },
      { collation: filled({ locale: 'en' }) },
    ],
    ['where the simple collation is named or not', {}, { collation: { locale: 'simple' } }],
  ])('%s', (_name, a, b) => {
    expect(differences(index(a), index(b))).toEqual([]);
    expect(servesAs(index(a), index(b))).toBe(true);
  });
});

describe('two indexes differ', () => {
  it.each<[string, Document, Document]>([
    ['bits', { key: { a: '2d' }, bits: 20 }, { key: { a: '2d' }, bits: 21 }],
    ['bits', { key: { a: '2d' }, bits: 20 }, { key: { a: '2d' } }],
    ['min', { key: { a: '2d' }, min: -10 }, { key: { a: '2d' } }],
    ['max', { key: { a: '2d' }, max: 10 }, { key: { a: '2d' }, max: 10.5 }],
    ['2dsphereIndexVersion', { '2dsphereIndexVersion': 2 }, { '2dsphereIndexVersion': 3 }],
    ['textIndexVersion', { ...textListed, textIndexVersion: 2 }, textListed],
    ['default_language', { ...textListed, default_language: 'french' }, textListed],
    ['language_override', { ...textListed, language_override: 'tongue' }, textListed],
    ['weights', { ...textListed, weights: { a: 1, b: 3 } }, textListed],
    ['weights', { ...textListed, weights: { a: 1 } }, textListed],
    ['collation', { collation: { locale: 'en' } }, {}],
    ['collation', { collation: { locale: 'en' } }, { collation: { locale: 'en', caseLevel: true } }],
    ['key', key(['b', 1], ['10', 1], ['2', 1]), key(['2', 1], ['10', 1], ['b', 1])],
    ['key', { key: { a: 1 } }, { key: { a: -1 } }],
    ['partialFilterExpression', { partialFilterExpression: { a: { $gt: 1 } } }, {}],
    [
      'partialFilterExpression',
      { partialFilterExpression: { a: { b: 1, c: 1 } } },
      { partialFilterExpression: { a: { c: 1, b: 1 } } },
    ],
    ['wildcardProjection', { wildcardProjection: { a: 1 } }, { wildcardProjection: { b: 1 } }],
    ['sparse', { sparse: true }, {}],
    ['storageEngine', { storageEngine: { wiredTiger: {} } }, {}],
    ['of_a_later_version', { of_a_later_version: 1 }, {}],
  ])('in %s', (option, a, b) => {
    expect(differences(index(a), index(b))).toEqual([option]);
    expect(servesAs(index(a), index(b))).toBe(false);
    expect(servesMeanwhile(index(a), index(b))).toBe(false);
  });

  it('in what is held back, and serve meanwhile', () => {
    for (const held of [{ unique: true }, { prepareUnique: true }, { expireAfterSeconds: 60 }]) {
      expect(differences(index({}), index(held))).toEqual(Object.keys(held));
      expect(servesAs(index({}), index(held))).toBe(false);
      expect(servesMeanwhile(index({}), index(held))).toBe(true);
      expect(servesMeanwhile(index(held), index(held))).toBe(false);
    }
  });

  it('in what can be changed of one that is there', () => {
    expect(differences(index({ hidden: true }), index({}))).toEqual(['hidden']);
    expect(servesAs(index({ hidden: true }), index({}))).toBe(true);
    const other = [index({ expireAfterSeconds: 60 }), index({ expireAfterSeconds: Long.fromNumber(61) })] as const;
    expect(differences(...other)).toEqual(['expireAfterSeconds']);
    expect(servesAs(...other)).toBe(true);
  });
});

describe('of two indexes under different names', () => {
  it.each<[string, boolean, Document, Document]>([
    ['the same key', true, {}, {}],
    ['the same key with other options', true, { key: { a: '2d' }, bits: 20 }, { key: { a: '2d' }, bits: 22 }],
    ['two text indexes', true, textListed, { ...textListed, weights: { c: 1 } }],
    ['another key', false, {}, { key: { a: -1 } }],
    ['another collation', false, {}, { collation: { locale: 'en' } }],
    ['another filter', false, {}, { partialFilterExpression: { a: 1 } }],
    ['one that is unique', false, { unique: true }, {}],
    ['one that expires', false, { expireAfterSeconds: 1 }, {}],
  ])('one makes way or not: %s', (_name, makesWay, a, b) => {
    expect(excludes(index(a), index(b))).toBe(makesWay);
  });
});

describe('two collations', () => {
  const of = (collation?: Document) =>
    collationOf(RawDocument.from(bytes(collation === undefined ? {} : { collation })));
  const same = (a?: Document, b?: Document): boolean => sameCollation(of(a), of(b));

  it('are one where only defaults are left out, those of the locale among them', () => {
    expect(same({ locale: 'en', strength: 2 }, filled({ locale: 'en', strength: new Double(2) }))).toBe(true);
    expect(same({ locale: 'da' }, filled({ locale: 'da', caseFirst: 'upper' }))).toBe(true);
    expect(same({ locale: 'da' }, filled({ locale: 'da' }))).toBe(false);
    expect(same({ locale: 'fr_CA' }, filled({ locale: 'fr_CA', backwards: true }))).toBe(true);
    expect(same({ locale: 'simple' }, undefined)).toBe(true);
  });

  it.each<Document>([
    { locale: 'de' },
    { strength: 1 },
    { caseLevel: true },
    { caseFirst: 'upper' },
    { numericOrdering: true },
    { alternate: 'shifted' },
    { maxVariable: 'space' },
    { normalization: true },
    { backwards: true },
    { of_a_later_version: true },
  ])('differ in %p', (other) => {
    expect(same({ locale: 'en', ...other }, { locale: 'en' })).toBe(false);
    expect(same(filled({ locale: 'en', ...other }), filled({ locale: 'en' }))).toBe(false);
    expect(same({ locale: 'en', ...other }, undefined)).toBe(false);
  });
});

describe('the specification of an index', () => {
  it("leaves out what is the server's own, and keeps every other byte in its place", () => {
    const name = fc.oneof(fc.nat(20).map(String), fc.constantFrom('a', 'b.c', '$**', 'é'));
    const scalar = fc.oneof(
      fc.constantFrom(1, -1, '2d', 'text', 'hashed'),
      fc.double({ noNaN: true }).map((n) => new Double(n)),
    );
    const fields = fc
      .uniqueArray(fc.tuple(name, scalar), { selector: ([each]) => each, minLength: 1, maxLength: 6 })
      .map((entries) => new Map<string, unknown>(entries));
    const own = new Map<string, unknown>([
      ['v', 2],
      ['ns', 'a.b'],
      ['background', true],
      ['dropDups', true],
    ]);
    const option = fc.oneof(
      fc.tuple(fc.constantFrom('weights', 'partialFilterExpression', 'wildcardProjection', 'unknown'), fields),
      fc.tuple(fc.constantFrom('unique', 'sparse', 'hidden', 'bits', 'expireAfterSeconds'), scalar),
      fc.constantFrom(...own.entries()),
    );
    const spec = fc
      .tuple(fields, fc.uniqueArray(option, { selector: ([each]) => each, maxLength: 8 }))
      .map(([keys, options]) => [['key', keys], ['name', 'i'], ...options] as [string, unknown][]);
    fc.assert(
      fc.property(spec, (entries) => {
        // As it is listed, kept in a record, and sent.
        const [listed] = withInherited([RawDocument.from(bytes(new Map(entries)))], RawDocument.EMPTY);
        const kept = new Binary(listed?.bytes);
        const sent = BSON.serialize(requested(specification(kept.buffer), false).toMap() as unknown as Document);
        expect(sent).toEqual(bytes(new Map(entries.filter(([each]) => !own.has(each)))));
      }),
    );
  });

  it('leaves the version of a collation to the destination', () => {
    const { options } = index({ collation: filled({ locale: 'en' }) });
    expect(options.document('collation')?.names).toEqual(
      Object.keys(filled({ locale: 'en' })).filter((name) => name !== 'version'),
    );
  });
});

describe('what createIndexes is asked for', () => {
  const asked = (options: Document, hasCollation: boolean): Document =>
    BSON.deserialize(requested(index(options), hasCollation).bytes);

  it.each<[string, Document]>([
    ['plain', {}],
    ['unique', { unique: true }],
    ['text', textListed],
    ['2d', { key: { a: '2d' } }],
    ['hashed', { key: { a: 'hashed' } }],
    ['wildcard', { key: { '$**': 1 } }],
    ['partial', { partialFilterExpression: { a: { $gt: 'A' } } }],
  ])('names the simple collation where the collection has another one: %s', (_kind, options) => {
    expect(asked(options, true)).toEqual({ key: { a: 1 }, name: 'i', ...options, collation: { locale: 'simple' } });
    expect(asked(options, false)).toEqual({ key: { a: 1 }, name: 'i', ...options });
  });

  it('keeps a collation that is named', () => {
    expect(asked({ collation: { locale: 'de' } }, true)['collation']).toEqual({ locale: 'de' });
  });

  it('leaves prepareUnique to collMod', () => {
    expect(asked({ prepareUnique: true }, false)).toEqual({ key: { a: 1 }, name: 'i' });
  });
});

describe('the collation that an index has from its collection', () => {
  const own = { locale: 'en', strength: 2 };
  const options = RawDocument.from(bytes({ collation: filled(own) }));
  const listed = (id: Document, other: Document) =>
    withInherited(
      [
        { key: { _id: 1 }, name: '_id_', ...id },
        { key: { a: 1 }, name: 'i', ...other },
      ].map((each) => RawDocument.from(bytes(each))),
      options,
    ).map((each) => each.document('collation')?.text('locale'));

  it('is told by MongoDB, where none means the simple one', () => {
    expect(listed({ collation: filled(own) }, { collation: filled(own) })).toEqual(['en', 'en']);
    expect(listed({ collation: filled(own) }, {})).toEqual(['en', undefined]);
  });

  it('is put in where the server leaves it out', () => {
    expect(listed({}, {})).toEqual(['en', 'en']);
    expect(listed({}, { collation: { locale: 'simple' } })).toEqual(['en', 'simple']);
    expect(listed({}, { collation: { locale: 'de' } })).toEqual(['en', 'de']);
  });
});
