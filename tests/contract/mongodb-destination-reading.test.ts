import { BSON, Binary, Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID, MaxKey, MinKey } from 'mongodb';
import { keyOf } from '../../src/formats/bson/key';
import type { Key } from '../../src/core/model/change';
import type { Destination } from '../../src/core/ports/destination';
import type { Interval } from '../../src/core/ports/source';
import { sharedMongo } from '../support/servers';
import { never } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

/** Keys of every type that a row may have, in no order. */
const IDS: readonly unknown[] = [
  'b.c',
  new Int32(1),
  new Double(1.5),
  Long.fromNumber(2),
  Decimal128.fromString('3.3'),
  new Double(NaN),
  new Double(-Infinity),
  '',
  '$x',
  { a: 1 },
  { a: 2 },
  new Binary(Buffer.from([200])),
  new Binary(Buffer.from([0, 0, 0])),
  new UUID().toBinary(),
  new ObjectId(),
  new ObjectId(),
  false,
  true,
  new Date(0),
  new Timestamp({ t: 1, i: 1 }),
  new MinKey(),
  new MaxKey(),
];

const OPEN: Interval = { from: null, after: null, upTo: null, to: null };
const key = (id: unknown): Key => keyOf(Buffer.from(BSON.serialize({ _id: id })));

describe('reading what the destination holds', () => {
  let t: MongodbFixture;
  let destination: Destination;

  beforeEach(async () => {
    t = await MongodbFixture.on(sharedMongo('destination'));
    destination = await t.open();
  });
  afterEach(async () => {
    await destination[Symbol.asyncDispose]();
    await t[Symbol.asyncDispose]();
  });

  async function read(interval: Interval, batchSize = 3): Promise<Buffer[]> {
    const rows: Buffer[] = [];
    for await (const batch of destination.rows(t.namespace, interval, { batchSize }, never)) {
      expect(batch.rows.length).toBeGreaterThan(0);
      expect(batch.rows.length).toBeLessThanOrEqual(batchSize);
      rows.push(...batch.rows);
    }
    return rows;
  }

  it('has no rows where there is no target', async () => {
    expect(await read(OPEN)).toEqual([]);
    expect((await destination.fetch(t.namespace, [key(1)], never)).size).toBe(0);
  });

  it('cuts between any two keys of any types, with each bound in or out as it says', async () => {
    await t.collection().insertMany(IDS.map((_id) => ({ _id, n: 1 })));
    const all = await t.encoded();
    expect(await read(OPEN)).toEqual(all);
    const keys = all.map((row) =>
      Buffer.from(BSON.serialize({ _id: BSON.deserialize(row, { promoteValues: false })['_id'] as unknown })),
    );
    for (let low = 0; low < keys.length; low += 1) {
      const high = Math.min(keys.length - 1, low + 4);
      const bound = { low: keys[low]!, high: keys[high]! };
      expect(await read({ ...OPEN, from: bound.low }, 50)).toEqual(all.slice(low));
      expect(await read({ ...OPEN, after: bound.low }, 50)).toEqual(all.slice(low + 1));
      expect(await read({ ...OPEN, to: bound.high }, 50)).toEqual(all.slice(0, high));
      expect(await read({ ...OPEN, upTo: bound.high }, 50)).toEqual(all.slice(0, high + 1));
      expect(await read({ ...OPEN, after: bound.low, upTo: bound.high }, 50)).toEqual(all.slice(low + 1, high + 1));
      expect(await read({ ...OPEN, from: bound.low, to: bound.high }, 50)).toEqual(all.slice(low, high));
      // What is narrower counts.
      expect(await read({ from: keys[0]!, after: bound.low, upTo: bound.high, to: null }, 50)).toEqual(
        all.slice(low + 1, high + 1),
      );
    }
  });

  it('bounds a batch in bytes', async () => {
    const filler = 'x'.repeat(1024 * 1024);
    await t.collection().insertMany(Array.from({ length: 9 }, (_, _id) => ({ _id, filler })));
    const sizes: number[] = [];
    for await (const batch of destination.rows(t.namespace, OPEN, { batchSize: 100 }, never))
      sizes.push(batch.rows.length);
    expect(sizes).toEqual([4, 4, 1]);
  });

  it('asks for as many rows at a time as are worth a message', async () => {
    const sizes = async (fillers: readonly string[], batchSize: number): Promise<number[]> => {
      await t.collection().deleteMany({});
      await t.collection().insertMany(fillers.map((filler, _id) => ({ _id, filler })));
      const read: number[] = [];
      for await (const batch of destination.rows(t.namespace, OPEN, { batchSize }, never)) read.push(batch.rows.length);
      return read;
    };
    const small = Array.from({ length: 2_500 }, () => 'x');
    expect(await sizes(small, 2_000)).toEqual([500, 2_000]);
    const large = Array.from({ length: 1_000 }, () => 'x'.repeat(8_000));
    expect(await sizes(large, 2_000)).toEqual([500, 261, 239]);
  });

  it('fetches rows by keys, whatever number type the key has', async () => {
    await t.collection().insertMany([1, 'a', { a: 1 }].map((_id) => ({ _id, n: 1 })));
    const wanted = [key(new Double(1)), key('a'), key({ a: 1 }), key('absent')];
    const found = await destination.fetch(t.namespace, wanted, never);
    expect([...found.keys()].sort()).toEqual(
      wanted
        .slice(0, 3)
        .map(({ id }) => id)
        .sort(),
    );
    expect(found.get(key('a').id)).toEqual(Buffer.from(BSON.serialize({ _id: 'a', n: 1 })));
  });

  it('reads the target of a renamed namespace', async () => {
    await using renamed = await t.open({ namespaces: { 'shop.orders': t.namespace } });
    await t.collection().insertOne({ _id: 1 });
    expect((await renamed.fetch('shop.orders', [key(1)], never)).size).toBe(1);
  });

  it('stops when it is told to', async () => {
    await t.collection().insertMany(Array.from({ length: 20 }, (_, _id) => ({ _id })));
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of destination.rows(t.namespace, OPEN, { batchSize: 5 }, abort.signal)) abort.abort();
    })();
    expect((await failure(reading)).kind).toBe('retry');
  });
});
