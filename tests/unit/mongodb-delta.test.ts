import { BSON, type Document } from 'mongodb';
import { array, document, header, int32Element, rawHeader } from '../../src/formats/bson/build';
import { BsonType } from '../../src/formats/bson/types';
import { deltaUpdates } from '../../src/connectors/mongodb/destination/writer/delta';

const updates = (description: Document): Document[] | null =>
  deltaUpdates(Buffer.from(BSON.serialize(description)))?.map((update) => BSON.deserialize(update)) ?? null;

const set = (...fields: (readonly [string, unknown])[]): Map<string, unknown> => new Map(fields);

/** The names that each `$set` adds, in order. */
const runs = (...names: string[]): string[][] =>
  (updates({ updatedFields: set(...names.map((name) => [name, 1] as const)) }) ?? []).map((update) =>
    Object.keys(update['$set'] as Document),
  );

describe('deltaUpdates', () => {
  it('sets and removes in one update', () => {
    expect(updates({ updatedFields: { a: 1 }, removedFields: ['b', 'c.d'] })).toEqual([
      { $unset: { b: '', 'c.d': '' }, $set: { a: 1 } },
    ]);
  });

  it('truncates first, each array by itself', () => {
    expect(
      updates({
        updatedFields: { 'a.0': 9 },
        truncatedArrays: [
          { field: 'a', newSize: 2 },
          { field: 'b', newSize: 0 },
        ],
      }),
    ).toEqual([
      { $push: { a: { $each: [], $slice: 2 } } },
      { $push: { b: { $each: [], $slice: 0 } } },
      { $set: { 'a.0': 9 } },
    ]);
  });

  it('begins a new $set where the server would add fields in another order', () => {
    expect(runs('a', 'b', 'c')).toEqual([['a', 'b', 'c']]);
    expect(runs('z', 'b', 'm')).toEqual([['z'], ['b', 'm']]);
    // By number one way, by text the other: servers differ, so each gets its own.
    expect(runs('x9', 'x10')).toEqual([['x9'], ['x10']]);
    expect(runs('n.9', 'n.10')).toEqual([['n.9'], ['n.10']]);
    expect(runs('n.10', 'n.9')).toEqual([['n.10'], ['n.9']]);
    // Fields of different parents are not in each other's way.
    expect(runs('z.a', 'b.a', 'a')).toEqual([['z.a', 'b.a', 'a']]);
  });

  it('says nothing where operators cannot name the field', () => {
    for (const name of ['$a', 'a.$b', 'a..b', '', '.a']) expect(updates({ updatedFields: set([name, 1]) })).toBeNull();
    expect(updates({ removedFields: ['$a'] })).toBeNull();
    expect(updates({ updatedFields: { 'a.b': 1 }, disambiguatedPaths: { 'a.b': ['a.b'] } })).toBeNull();
  });

  it('has nothing to do for a delta that changed nothing', () => {
    expect(updates({ updatedFields: {}, removedFields: [], truncatedArrays: [] })).toEqual([]);
  });
});

describe('names that are not valid UTF-8', () => {
  /** `f` and a byte that begins no character; its text would be U+FFFD, which is another field. */
  const ODD = Buffer.from([0x66, 0xff]);
  const one = Buffer.from([1, 0, 0, 0]);
  const asString = (text: Buffer): Buffer => {
    const value = Buffer.concat([Buffer.alloc(4), text, Buffer.from([0])]);
    value.writeInt32LE(text.length + 1);
    return value;
  };
  const list = (name: string, values: readonly Buffer[], type?: number): Buffer[] => [
    header(BsonType.array, name),
    array(values, type),
  ];
  const empty = asString(Buffer.alloc(0));

  it('are removed by their bytes', () => {
    const description = document(list('removedFields', [asString(ODD)], BsonType.string));
    expect(deltaUpdates(description)).toEqual([
      document([header(BsonType.document, '$unset'), document([rawHeader(BsonType.string, ODD), empty])]),
    ]);
  });

  it('name the array that is truncated by their bytes', () => {
    const truncation = document([header(BsonType.string, 'field'), asString(ODD), int32Element('newSize', 2)]);
    const keep = document([...list('$each', []), int32Element('$slice', 2)]);
    expect(deltaUpdates(document(list('truncatedArrays', [truncation])))).toEqual([
      document([header(BsonType.document, '$push'), document([rawHeader(BsonType.document, ODD), keep])]),
    ]);
  });

  it('are set by their bytes, in the order in which the server adds them', () => {
    const field = (name: Buffer): Buffer => Buffer.concat([rawHeader(BsonType.int32, name), one]);
    const run = (...names: Buffer[]): Buffer =>
      document([header(BsonType.document, '$set'), document(names.map(field))]);
    const description = (...names: Buffer[]): Buffer =>
      document([header(BsonType.document, 'updatedFields'), document(names.map(field))]);
    // As text the second one would come after the first one, as bytes it comes before it.
    const [accent, odd] = [Buffer.from('é'), Buffer.from([0x80])];
    expect(deltaUpdates(description(accent, odd))).toEqual([run(accent), run(odd)]);
    expect(deltaUpdates(description(odd, accent))).toEqual([run(odd, accent)]);
  });
});
