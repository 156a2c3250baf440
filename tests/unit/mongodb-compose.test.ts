import { document, element, header } from '../../src/formats/bson/build';
import { BsonType } from '../../src/formats/bson/types';
import { compose } from '../../src/connectors/mongodb/destination/writer/compose';
import { questions } from '../../src/connectors/mongodb/driver/keys';
import type { Change } from '../../src/core/model/change';
import { delta, row } from '../support/changes';

const MB = 1024 * 1024;
const text = (name: string, bytes: number): Buffer => {
  const value = Buffer.alloc(bytes + 5, 0x78);
  value.writeInt32LE(bytes + 1);
  value[value.length - 1] = 0;
  return element(BsonType.string, name, value);
};
const keyOf = (bytes: number) => ({ id: 'k', hash: 1, bytes: document([text('_id', bytes)]) });
const large = (keyBytes: number, rowBytes: number): Change => ({
  ...row('k', 1),
  key: keyOf(keyBytes),
  row: document([text('_id', keyBytes), text('a', rowBytes - keyBytes)]),
});
const composed = (change: Change) => compose([change], 'upsert', () => false);
/** What a server takes in one statement. */
const LIMIT = 16 * MB + 16 * 1024;

describe('a row near 16 MB', () => {
  it.each([100, 33 * 1024, 40 * 1024, MB])('with a key of %i bytes fits into its statements', (keyBytes) => {
    for (const rowBytes of [16 * MB - MB, 16 * MB - 64 * 1024, 16 * MB - 20 * 1024, 16 * MB - 200])
      for (const { documents } of composed(large(keyBytes, rowBytes)))
        for (const { length } of documents) expect(length).toBeLessThanOrEqual(LIMIT);
  });

  it('is replaced as long as that fits', () => {
    expect(composed(large(40 * 1024, 15 * MB)).map(({ verb }) => verb)).toEqual(['update']);
    expect(composed(large(40 * 1024, 16 * MB - 20 * 1024)).map(({ verb }) => verb)).toEqual(['delete', 'insert']);
  });

  it('is read whole where a delta does not fit beside its key', () => {
    const changed = document([header(BsonType.document, 'updatedFields'), document([text('a', 16 * MB - 50 * 1024)])]);
    const change = { ...delta('k', 1), delta: changed };
    expect(() => composed({ ...change, key: keyOf(100) })).not.toThrow();
    expect(() => composed({ ...change, key: keyOf(40 * 1024) })).toThrow(
      expect.objectContaining({ code: 'delta_missed' }) as Error,
    );
  });
});

describe('keys that are asked for', () => {
  const asked = (keys: readonly number[]): number[][] =>
    [...questions(keys, (bytes) => Buffer.alloc(bytes))].map((each) => [...each]);

  it('go in questions of few keys, and of few bytes where keys are long', () => {
    expect(asked(Array.from({ length: 1_200 }, () => 20)).map(({ length }) => length)).toEqual([500, 500, 200]);
    expect(asked([MB, 2 * MB, MB, 1, 9 * MB, 1])).toEqual([[MB, 2 * MB, MB], [1], [9 * MB], [1]]);
    expect(asked([])).toEqual([]);
  });
});
