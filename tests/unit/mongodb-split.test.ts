import { BSON, type Document } from 'mongodb';
import { joinFragments } from '../../src/connectors/mongodb/source/stream/split';

const raw = (document: Document): Buffer => Buffer.from(BSON.serialize(document));

describe('a large event that came in fragments', () => {
  const fragments = [
    { _id: { _data: '01' }, splitEvent: { fragment: 1, of: 3 }, operationType: 'update', documentKey: { _id: 7 } },
    { _id: { _data: '02' }, splitEvent: { fragment: 2, of: 3 }, ns: { db: 'shop', coll: 'orders' } },
    { _id: { _data: '03' }, splitEvent: { fragment: 3, of: 3 }, updateDescription: { updatedFields: { a: 1.5 } } },
  ];

  it('is one event again: every field once, under the token of the last fragment', () => {
    expect(BSON.deserialize(joinFragments(fragments.map(raw)))).toEqual({
      _id: { _data: '03' },
      operationType: 'update',
      documentKey: { _id: 7 },
      ns: { db: 'shop', coll: 'orders' },
      updateDescription: { updatedFields: { a: 1.5 } },
    });
  });

  it('keeps the bytes of its fields', () => {
    const joined = joinFragments(fragments.map(raw));
    const field = raw({ updateDescription: { updatedFields: { a: 1.5 } } }).subarray(4, -1);
    expect(joined.includes(field)).toBe(true);
  });
});
