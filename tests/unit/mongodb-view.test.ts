import { BSON } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';
import {
  Apart,
  inOrder,
  readView,
  renamedView,
  sameView,
  sourcesOf,
  viewOptions,
  type View,
} from '../../src/connectors/mongodb/schema/view';
import { compileRenames } from '../../src/core/mapping/pattern';

type Fields = readonly (readonly [string, unknown])[];
/** In the order given, whatever the names look like. */
const ordered = (fields: Fields) => new Map(fields);
const bytes = (options: unknown) => RawDocument.from(BSON.serialize(options as BSON.Document));
const view = (options: unknown): View => readView(bytes(options)) as View;
const shown = (of: View) => BSON.deserialize(viewOptions(of).bytes);

const archived = compileRenames({ namespaces: { 'shop.*': 'archive.*_eu' } });

describe('the definition of a view', () => {
  it('is what a server lists of one, and of nothing else', () => {
    expect(readView(bytes({ capped: true, size: 4096 }))).toBeNull();
    expect(view({ viewOn: 'orders', pipeline: [] })).toMatchObject({ on: 'orders', collation: undefined });
  });

  it('keeps the order of fields whose names look like integers', () => {
    const stage = ordered([['$sort', ordered([['b', 1], ['10', -1]])]]); // prettier-ignore
    const options = bytes(ordered([['viewOn', 'orders'], ['pipeline', [stage]]])); // prettier-ignore
    const read = readView(options) as View;
    expect(viewOptions(read).bytes.equals(options.bytes)).toBe(true);
    expect(viewOptions(renamedView(read, 'shop.v', (name) => name)).bytes.equals(options.bytes)).toBe(true);
    const other = ordered([['$sort', ordered([['10', -1], ['b', 1]])]]); // prettier-ignore
    expect(sameView(read, view({ viewOn: 'orders', pipeline: [other] }))).toBe(false);
  });

  it.each([
    ['another collection', { viewOn: 'rows', pipeline: [] }],
    ['another pipeline', { viewOn: 'orders', pipeline: [{ $match: { a: 1 } }] }],
    ['another collation', { viewOn: 'orders', pipeline: [], collation: { locale: 'en', strength: 2 } }],
    ['none', { viewOn: 'orders', pipeline: [] }],
  ])('differs by %s', (_what, other) => {
    const one = view({ viewOn: 'orders', pipeline: [], collation: { locale: 'en', strength: 1 } });
    expect(sameView(one, view(other))).toBe(false);
    expect(sameView(view(other), one)).toBe(false);
    expect(sameView(one, one)).toBe(true);
  });

  it('is the same with the collation of another version of the server, and with the simple one said or not', () => {
    const collated = (collation: object) => view({ viewOn: 'a', pipeline: [], collation });
    expect(sameView(collated({ locale: 'en', version: '57.1' }), collated({ locale: 'en', version: '58' }))).toBe(true);
    expect(sameView(collated({ locale: 'simple' }), view({ viewOn: 'a', pipeline: [] }))).toBe(true);
  });

  it('names everywhere what the destination calls what it is computed from', () => {
    const inner = [{ $lookup: { from: 'c', as: 'from' } }, { $match: { from: 'c', $expr: { $eq: ['$coll', 'c'] } } }];
    const pipeline = [
      { $lookup: { from: 'b', as: 'b', pipeline: inner } },
      { $graphLookup: { from: 'b', as: 'from' } },
      { $unionWith: 'b' },
      { $unionWith: { coll: 'b', pipeline: inner } },
      { $facet: { from: inner } },
      { $lookup: { from: { db: 'shop', coll: 'b' }, as: 'b' } },
    ];
    const renamedInner = [{ $lookup: { from: 'c_eu', as: 'from' } }, inner[1]];
    expect(shown(renamedView(view({ viewOn: 'a', pipeline }), 'shop.v', archived))).toEqual({
      viewOn: 'a_eu',
      pipeline: [
        { $lookup: { from: 'b_eu', as: 'b', pipeline: renamedInner } },
        { $graphLookup: { from: 'b_eu', as: 'from' } },
        { $unionWith: 'b_eu' },
        { $unionWith: { coll: 'b_eu', pipeline: renamedInner } },
        { $facet: { from: renamedInner } },
        { $lookup: { from: { db: 'archive', coll: 'b_eu' }, as: 'b' } },
      ],
    });
  });

  it('cannot be had where what it is computed from goes to another database', () => {
    const apart = compileRenames({ namespaces: { 'shop.b': 'elsewhere.b' } });
    const pipeline = [{ $lookup: { from: 'b', as: 'b' } }];
    expect(() => renamedView(view({ viewOn: 'a', pipeline }), 'shop.v', apart)).toThrow(Apart);
    expect(shown(renamedView(view({ viewOn: 'a', pipeline: [] }), 'shop.v', apart))['viewOn']).toBe('a');
  });

  it('tells all that it is computed from, and fields called like something else are no names', () => {
    const pipeline = [{ $lookup: { from: 'b', pipeline: [{ $unionWith: 'c' }] } }, { $match: { constructor: 1 } }];
    expect(sourcesOf(view({ viewOn: 'a', pipeline }), 'shop.v')).toEqual(['shop.a', 'shop.b', 'shop.c']);
  });
});

describe('the order of views', () => {
  const order = (on: Record<string, string>) =>
    inOrder(new Map(Object.entries(on).map(([name, source]) => [name, { name, source }])), ({ source }) => [
      source,
    ]).map(({ name }) => name);

  it('is sources first, whatever their names', () => {
    expect(order({ a: 'b', b: 'c', c: 'rows', d: 'a' })).toEqual(['c', 'b', 'a', 'd']);
  });

  it('is any for those in a circle, and each comes once', () => {
    expect(order({ a: 'b', b: 'a', c: 'missing' }).sort()).toEqual(['a', 'b', 'c']);
  });
});
