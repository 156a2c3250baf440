import fc from 'fast-check';
import { Double } from 'mongodb';
import type { BackfillMode } from '../../src/core/ports/destination';
import { isReplicationError } from '../../src/core/model/errors';
import { CoreStream } from '../support/core';
import { contents } from '../support/same';
import { KEYS, operation, perform, type Operation } from '../support/operations';
import { Witness } from '../support/witness';
import { forever, rows, standing } from './standing';

/** Property runs on two shared cores: a handful each time, more with PROPERTY_RUNS. */
const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 6);
const NAMES = ['orders', 'cust.omers', 'items-2'];

const performAll = async (t: CoreStream, operations: readonly Operation[]): Promise<void> => {
  for (const each of operations) await perform(t.sourceDb, each);
};

/** Owed from now on, of these collections or of all. */
async function owe(t: CoreStream, names: readonly string[] = NAMES, mode: BackfillMode = 'repair'): Promise<void> {
  const claim = await t.claim('existing');
  const owed = names.map((name) => [`${t.sourceDb.databaseName}.${name}`, { estimatedRows: 0 }] as const);
  await claim.planBackfill(new Map(owed), mode, forever);
}

/** The stream gives nothing at first, while rows can be read. */
function holdBack(t: CoreStream, ms: number): void {
  const stream = t.source.stream.bind(t.source);
  t.source.stream = async function* (from, options, signal) {
    await new Promise((resolve) => setTimeout(resolve, ms));
    yield* stream(from, options, signal);
  };
}

interface Damage {
  readonly collection: string;
  readonly key: number;
  readonly how: 'missing' | 'stale' | 'extra';
}

async function damage(t: CoreStream, all: readonly Damage[]): Promise<void> {
  for (const { collection, key, how } of all) {
    if ((await t.sourceDb.listCollections({ name: collection }).toArray()).length === 0) continue;
    const target = t.destinationDb.collection(collection);
    const filter = { _id: KEYS[key] as never };
    if (how === 'missing') await target.deleteOne(filter);
    else await target.replaceOne(filter, { damaged: how }, { upsert: how === 'extra' });
  }
}

/** Legs that are cut off, or left behind beside their successors. */
async function interrupted(t: CoreStream, faults: readonly { readonly overlap: boolean; readonly afterMs: number }[]) {
  const left: Promise<unknown>[] = [];
  for (const { overlap, afterMs } of faults) {
    const leg = t
      .leg({ signal: overlap ? forever : AbortSignal.timeout(afterMs), sliceMs: afterMs + 5_000 })
      .catch((error: unknown) => {
        if (!isReplicationError(error, 'fenced')) throw error;
      });
    left.push(leg);
    if (overlap) await Promise.race([leg, new Promise((resolve) => setTimeout(resolve, afterMs))]);
    else await leg;
  }
  await t.catchUp();
  await Promise.all(left);
}

const faults = fc.array(fc.record({ overlap: fc.boolean(), afterMs: fc.integer({ min: 0, max: 150 }) }), {
  maxLength: 4,
});
const damages = fc.array(
  fc.record({
    collection: fc.constantFrom(...NAMES),
    key: fc.nat(KEYS.length - 1),
    how: fc.constantFrom('missing' as const, 'stale' as const, 'extra' as const),
  }),
  { maxLength: 20 },
);

/** Other servers than the shared ones, such as faster ones. */
const uris = {
  ...(process.env['PROPERTY_SOURCE'] && { sourceUri: process.env['PROPERTY_SOURCE'] }),
  ...(process.env['PROPERTY_DESTINATION'] && { destinationUri: process.env['PROPERTY_DESTINATION'] }),
};

describe('a backfill that is under way', () => {
  it(
    'mends any damage, whatever is written meanwhile and whenever legs are interrupted',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(operation, { maxLength: 30 }),
          damages,
          fc.array(operation, { maxLength: 60 }),
          faults,
          fc.constantFrom(1, 4),
          fc.constantFrom(3, 1000),
          async (before, broken, during, cuts, lanes, batchSize) => {
            await using t = await CoreStream.open({ ...uris, lanes, batchSize });
            await performAll(t, before);
            await t.copy();
            await t.catchUp();
            await damage(t, broken);
            await owe(t);
            await Promise.all([interrupted(t, cuts), performAll(t, during)]);
            await t.catchUp();
            await t.expectSame();
          },
        ),
        { numRuns, endOnFailure: numRuns <= 8 },
      );
    },
    300_000 + numRuns * 20_000,
  );

  it(
    'lets no row go back',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ key: fc.nat(9), op: fc.constantFrom('delta', 'replace', 'delete') }), {
            minLength: 50,
            maxLength: 150,
          }),
          faults,
          fc.constantFrom(1, 4),
          async (writes, cuts, lanes) => {
            await using t = await CoreStream.open({ ...uris, lanes, batchSize: 3 });
            const source = t.sourceDb.collection('orders');
            for (let key = 0; key < 10; key += 1) await source.insertOne({ _id: key as never, v: 0 });
            await t.copy();
            await t.catchUp();
            await t.destinationDb.collection('orders').deleteMany({ _id: { $lt: 4 as never } });
            await t.destinationDb.collection('orders').updateMany({ _id: { $gt: 6 as never } }, { $set: { v: -1 } });
            await t.destinationDb.collection('orders').insertMany(rows(5, 100));
            await owe(t, ['orders']);
            await using witness = await Witness.open(t.destinationDb);
            let v = 0;
            const write = async (): Promise<void> => {
              for (const { key, op } of writes) {
                v += 1;
                const filter = { _id: key as never };
                if (op === 'delete') await source.deleteOne(filter);
                else if (op === 'replace') await source.replaceOne(filter, { v }, { upsert: true });
                else await source.updateOne(filter, { $set: { v } });
              }
            };
            await Promise.all([interrupted(t, cuts), write()]);
            await t.catchUp();
            await t.expectSame();
            expect(await witness.setbacks('v')).toEqual([]);
          },
        ),
        { numRuns, endOnFailure: numRuns <= 8 },
      );
    },
    300_000 + numRuns * 20_000,
  );
});

describe('a backfill', () => {
  it('finds rows that are missing, stale or too many, of every type of key, and leaves equal ones alone', async () => {
    await using t = await CoreStream.open({ batchSize: 4 });
    const ids = [...KEYS, new Double(NaN), 'b', 'c', 'd'] as never[];
    const among = (...places: (number | string)[]) => ({
      _id: { $in: places.map((place) => (typeof place === 'number' ? ids[place] : place)) as never[] },
    });
    for (const [n, _id] of ids.entries())
      await t.sourceDb.collection('orders').replaceOne({ _id }, { n }, { upsert: true });
    await t.copy();
    await t.catchUp();
    const target = t.destinationDb.collection('orders');
    await target.deleteMany(among(0, 18, 'b'));
    await target.updateMany(among(3, 10, 'c'), { $set: { n: -1 } });
    await target.insertMany([{ _id: 'e' as never }, { _id: -7 as never }, { _id: { z: 1 } as never }]);
    await owe(t, ['orders']);
    await using witness = await Witness.open(t.destinationDb);
    await t.catchUp();
    await t.expectSame();
    expect(await witness.seen()).toHaveLength(9);
  });

  it('lets what only the destination has stay where it merges', async () => {
    await using t = await standing();
    await t.sourceDb.collection('orders').insertMany(rows(5));
    await t.catchUp();
    await t.destinationDb.collection('orders').insertMany(rows(3, 50));
    await t.destinationDb.collection('orders').deleteOne({ _id: 2 as never });
    await owe(t, ['orders'], 'merge');
    await t.catchUp();
    expect(await t.destinationDb.collection('orders').countDocuments()).toBe(8);
  });

  it('makes and fills a namespace that the destination does not have, and one without rows', async () => {
    await using t = await standing();
    await t.sourceDb.collection('orders').insertMany(rows(2_500));
    await t.sourceDb.createCollection('items-2');
    await t.catchUp();
    await t.destinationDb.collection('orders').drop();
    await t.destinationDb.collection('items-2').drop();
    const { copying } = await t.leg({ sliceMs: 1 });
    expect(copying.length).toBeLessThanOrEqual(2);
    await t.catchUp();
    await t.expectSame();
  });

  it.each([
    ['a collation', { collation: { locale: 'en', strength: 2 } }],
    ['a cap', { capped: true, size: 100_000 }],
  ])('mends a namespace with %s', async (_name, options) => {
    await using t = await standing({ batchSize: 3 });
    await t.sourceDb.createCollection('names', options);
    await t.sourceDb.collection('names').insertMany(['Ann', 'bob', 'Cid', 'dan'].map((_id) => ({ _id: _id as never })));
    await t.catchUp();
    const target = t.destinationDb.collection('names');
    await target.deleteMany({ _id: { $in: ['Ann' as never, 'bob' as never] } });
    await target.insertMany([{ _id: 'ann' as never }, { _id: 'zoe' as never }]);
    await owe(t, ['names']);
    await t.catchUp();
    const there = await contents(t.destinationDb);
    for (const [key, bytes] of await contents(t.sourceDb)) expect(there.get(key)?.equals(bytes)).toBe(true);
    expect(await target.countDocuments()).toBe(4);
  });

  it.each(['drop', 'rename', 'drop database', 'rename over'])('ends with a %s of its namespace', async (what) => {
    await using t = await standing({ batchSize: 5 });
    const source = t.sourceDb.collection('orders');
    await source.insertMany(rows(300));
    await t.sourceDb.collection('items-2').insertMany(rows(20, 7));
    await t.catchUp();
    await t.destinationDb.collection('orders').updateMany({}, { $set: { n: -1 } });
    await owe(t);
    const leg = t.leg({ signal: AbortSignal.timeout(150) });
    if (what === 'drop') await source.drop();
    else if (what === 'rename') await source.rename('moved');
    else if (what === 'rename over') await source.rename('items-2', { dropTarget: true });
    else await t.sourceDb.dropDatabase();
    await leg;
    await t.catchUp();
    await t.expectSame();
  });

  it('writes no row before the stream has come to where it was read', async () => {
    await using t = await standing({ batchSize: 1 });
    const source = t.sourceDb.collection('orders');
    await source.insertOne({ _id: 1 as never, v: 0 });
    await t.catchUp();
    await t.destinationDb.collection('orders').updateOne({}, { $set: { v: -1 } });
    await owe(t, ['orders']);
    for (let v = 1; v <= 5; v += 1) await source.replaceOne({ _id: 1 as never }, { v });
    await using witness = await Witness.open(t.destinationDb);
    holdBack(t, 400);
    await t.catchUp();
    await t.expectSame();
    expect(await witness.setbacks('v')).toEqual([]);
  });

  it('applies no delta to a row that may be another one than at the source', async () => {
    await using t = await standing();
    const source = t.sourceDb.collection('orders');
    await source.insertOne({ _id: 1 as never, v: 0, more: 'right' });
    await t.catchUp();
    await t.destinationDb.collection('orders').updateOne({}, { $set: { more: 'wrong' } });
    await owe(t, ['orders']);
    await source.updateOne({ _id: 1 as never }, { $set: { v: 1 } });
    await t.catchUp();
    await t.expectSame();
  });

  it('misses no row whose change an earlier leg has applied beyond the low water', async () => {
    await using t = await standing();
    const source = t.sourceDb.collection('orders');
    await source.insertOne({ _id: 1 as never, v: 0 });
    await t.catchUp();
    const claim = t.destination.claim.bind(t.destination);
    t.destination.claim = async (request, signal) => {
      const claimed = await claim(request, signal);
      claimed.advance = () => Promise.resolve({ sequence: 0, repairs: 0 });
      return claimed;
    };
    await source.updateOne({ _id: 1 as never }, { $set: { v: 1 } });
    const { position } = t;
    await t.catchUp();
    t.destination.claim = claim;
    t.position = position;
    await t.destinationDb.collection('orders').updateOne({}, { $set: { v: -1 } });
    await owe(t, ['orders']);
    holdBack(t, 400);
    await t.catchUp();
    await t.expectSame();
  });

  it('goes on where it was: what was recorded is not read again', async () => {
    await using t = await standing({ batchSize: 10 });
    await t.sourceDb.collection('orders').insertMany(rows(400));
    await t.catchUp();
    await t.destinationDb.collection('orders').deleteMany({});
    await owe(t, ['orders']);
    const legs = new AbortController();
    const running = t.leg({ signal: legs.signal });
    while ((await t.destinationDb.collection('orders').countDocuments()) < 50) await new Promise(setImmediate);
    legs.abort();
    expect((await running).copying).toEqual([`${t.sourceDb.databaseName}.orders`]);
    const [range] = (await t.claim('existing')).ledger.ranges.filter(
      ({ backfill, done }) => backfill !== null && !done,
    );
    expect(range?.after).not.toBeNull();
    expect(range?.rows).toBeGreaterThan(0);
    await t.catchUp();
    await t.expectSame();
    expect((await t.leg({ sliceMs: 50 })).copying).toEqual([]);
  });
});

describe('a target that was put in place of another by hand', () => {
  it('is not written to where it holds other keys for equal', async () => {
    await using t = await standing();
    await t.sourceDb.collection('orders').insertMany([{ _id: 'a' as never }, { _id: 'A' as never }]);
    await t.catchUp();
    await t.destinationDb.collection('orders').drop();
    await t.destinationDb.createCollection('orders', { collation: { locale: 'en', strength: 2 } });
    await expect(t.catchUp()).rejects.toMatchObject({
      code: 'collation_differs',
      namespace: `${t.sourceDb.databaseName}.orders`,
    });
    await t.destinationDb.collection('orders').drop();
    await t.catchUp();
    await t.expectSame();
  });
});
