import { BSON, type Document } from 'mongodb';
import { deltaUpdates } from '../../src/destinations/mongodb/delta';

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
