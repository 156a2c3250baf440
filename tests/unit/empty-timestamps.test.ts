import { BSON, Timestamp } from 'mongodb';
import { document, header, rawHeader } from '../../src/formats/bson/build';
import { BsonType } from '../../src/formats/bson/types';
import { emptyTimestamps } from '../../src/connectors/mongodb/destination/writer/empty-timestamps';

const EMPTY = new Timestamp({ t: 0, i: 0 });
const row = (fields: object): Buffer => Buffer.from(BSON.serialize(fields));

describe('an empty timestamp under a name that is not valid UTF-8', () => {
  it('is put back under the bytes of its name', () => {
    const name = Buffer.from([0x61, 0xff, 0x62]);
    const zeros = Buffer.alloc(8);
    const encoded = document([rawHeader(BsonType.timestamp, name), zeros]);
    expect(emptyTimestamps(encoded)).toEqual(document([header(BsonType.document, '$set'), encoded]));
  });
});

describe.each([
  ['small', 'x'],
  ['large', 'x'.repeat(100_000)],
])('empty timestamps of a %s row', (_, text) => {
  it('are put back by an update of their fields', () => {
    const update = emptyTimestamps(row({ _id: 1, at: EMPTY, text, seen: EMPTY, known: new Timestamp({ t: 1, i: 1 }) }));
    expect(Buffer.isBuffer(update)).toBe(true);
    expect(BSON.deserialize(update as Buffer)).toEqual({ $set: { at: EMPTY, seen: EMPTY } });
  });

  it('are none in what is no timestamp, or lies deeper', () => {
    expect(emptyTimestamps(row({ _id: 1, zero: 0, nested: { at: EMPTY }, list: [EMPTY], text }))).toBeNull();
  });

  it('cannot be put back where no update can name the field', () => {
    expect(emptyTimestamps(row({ _id: 1, 'a.b': EMPTY, text }))).toBe('impossible');
  });
});
