import fc from 'fast-check';
import { MongoClient, type Document } from 'mongodb';
import { ReplicationError } from '../../src/replication/errors';
import type { LetterSummary } from '../../src/replication/letter';
import { startMongo } from '../../src/services/mongo';
import { waitFor } from '../../src/services/wait';
import { CoreStream, type CoreOptions } from '../support/core';
import { failPoint } from '../support/fail-point';
import { sharedMongo } from '../support/servers';
import { Witness } from '../support/witness';

const never = new AbortController().signal;
/** BSONObjectTooLarge. */
const TOO_LARGE = 10334;

type Row = Document & { _id: number };

/** A stream whose destination has a unique index on `u` that the source knows nothing of, or knows too. */
async function open(options: CoreOptions & { readonly also?: 'source' } = {}): Promise<CoreStream> {
  const t = await CoreStream.open({ lanes: 4, ...options });
  await t.sourceDb.createCollection('rows');
  if (options.also === 'source') await rows(t).createIndex({ u: 1 }, { unique: true }, {});
  await t.copy();
  await t.catchUp();
  await t.destinationDb.collection('rows').createIndex({ u: 1 }, { unique: true }, {});
  return t;
}

const rows = (t: CoreStream) => t.sourceDb.collection<Row>('rows');
const copied = (t: CoreStream) => t.destinationDb.collection<Row>('rows').find().sort({ _id: 1 }).toArray();
const letters = async (t: CoreStream): Promise<readonly LetterSummary[]> =>
  (await t.destination.letters({ stream: t.id }, 100, never)).filter(({ stream }) => stream === t.id);
const states = async (t: CoreStream) => (await letters(t)).map(({ code, state }) => `${code} ${state}`);

describe('a change that the destination refuses', () => {
  it('stops the stream before it by default, and names it by its hash', async () => {
    await using t = await open();
    await rows(t).insertMany(Array.from({ length: 50 }, (_, i) => ({ _id: i, u: i === 40 ? 7 : i })));
    await expect(t.catchUp()).rejects.toMatchObject({
      kind: 'poison',
      code: 'duplicate_key',
      namespace: `${t.sourceDb.databaseName}.rows`,
      keyHash: expect.any(Number) as number,
    });
    expect(await letters(t)).toEqual([]);
    expect(await states(t)).toEqual([]);
  });

  it('is passed by a letter, and everything else goes through', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, u: i === 400 ? 7 : i })));
    await t.catchUp();
    expect(await copied(t)).toHaveLength(499);
    const [letter, ...others] = await letters(t);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ code: 'duplicate_key', op: 'insert', attempts: 1, state: 'open', kept: true });
  });

  it('takes no delta on top of what is not there, and is superseded by the first full state that goes through', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany([
      { _id: 1, u: 1 },
      { _id: 2, u: 2 },
    ]);
    await t.catchUp();
    await rows(t).updateOne({ _id: 2 }, { $set: { u: 1, v: 'refused' } });
    await t.catchUp();
    expect(await copied(t)).toEqual([
      { _id: 1, u: 1 },
      { _id: 2, u: 2 },
    ]);
    await rows(t).updateOne({ _id: 2 }, { $set: { w: 1 } });
    await t.catchUp();
    expect((await letters(t)).map(({ attempts, op, state }) => [attempts, op, state])).toEqual([
      [2, 'replace', 'open'],
    ]);
    expect((await copied(t))[1]).toEqual({ _id: 2, u: 2 });
    await rows(t).updateOne({ _id: 2 }, { $set: { u: 3 } });
    await t.catchUp();
    await t.expectSame();
    expect(await states(t)).toEqual(['duplicate_key superseded']);
    await rows(t).updateOne({ _id: 2 }, { $inc: { w: 1 } });
    await t.catchUp();
    await t.expectSame();
  });

  it('is superseded by a delete of its row', async () => {
    await using t = await open({ errors: { onError: 'skip' } });
    await rows(t).insertMany([
      { _id: 1, u: 1 },
      { _id: 2, u: 1 },
    ]);
    await t.catchUp();
    expect((await letters(t)).map(({ kept }) => kept)).toEqual([false]);
    const refused = (await copied(t))[0]!._id === 1 ? 2 : 1;
    await rows(t).deleteOne({ _id: refused });
    await t.catchUp();
    await t.expectSame();
    expect(await states(t)).toEqual(['duplicate_key superseded']);
  });

  it('follows its collection to another name', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertOne({ _id: 1, u: 1 });
    await t.catchUp();
    await rows(t).insertOne({ _id: 2, u: 1 });
    await t.catchUp();
    await rows(t).rename('moved');
    const moved = t.sourceDb.collection<Row>('moved');
    await moved.updateOne({ _id: 2 }, { $set: { u: 2 } });
    await t.catchUp();
    await t.expectSame();
    expect((await letters(t)).map(({ namespace, state }) => [namespace.split('.')[1], state])).toEqual([
      ['moved', 'superseded'],
    ]);
  });
});

/** Nothing is copied yet, and the destination has a unique index on `u` that the source knows nothing of. */
async function beforeCopy(options: CoreOptions = {}): Promise<CoreStream> {
  const t = await CoreStream.open({ lanes: 4, ...options });
  await t.sourceDb.createCollection('rows');
  await t.destinationDb.collection('rows').createIndex({ u: 1 }, { unique: true }, {});
  return t;
}

/** Whoever reads rows for the copy is given one after the other, and `between` is done after the first one. */
function readSlowly(t: CoreStream, between: () => Promise<unknown>): void {
  const read = t.source.rows.bind(t.source);
  t.source.rows = async function* (namespace, range, options, signal) {
    let { after } = options;
    for (let first = true; ; first = false) {
      const batches = read(namespace, range, { ...options, after }, signal)[Symbol.asyncIterator]();
      const next = await batches.next();
      await batches.return?.();
      const row = next.done === true ? undefined : next.value.rows[0];
      if (row === undefined) return;
      after = t.source.keyOf(row).bytes;
      yield { rows: [row], bytes: row.length, last: after };
      if (first) await between();
    }
  };
}

/** A stream whose destination answers its first writes of rows as if they were too large, so many times. */
async function refusing(times: number): Promise<CoreStream> {
  const server = await startMongo({ own: true, testCommands: true }, () => undefined);
  const t = await CoreStream.open({ destinationUri: server.uri, lanes: 1, errors: { onError: 'dead_letter' } });
  await t.sourceDb.createCollection('rows');
  let fault: AsyncDisposable | undefined;
  const claim = t.destination.claim.bind(t.destination);
  const begin = async (rows: number): Promise<void> => {
    if (rows > 0)
      fault ??= await failPoint(server.uri, t.id, { failCommands: ['insert'], errorCode: TOO_LARGE }, times);
  };
  t.destination.claim = async (request, signal) => {
    const claimed = await claim(request, signal);
    const [load, apply] = [claimed.load.bind(claimed), claimed.apply.bind(claimed)];
    claimed.load = (part, until) => begin(part.rows.length).then(() => load(part, until));
    claimed.apply = (part, until) => begin(part.changes.length).then(() => apply(part, until));
    return claimed;
  };
  const dispose = t[Symbol.asyncDispose].bind(t);
  t[Symbol.asyncDispose] = async () => {
    await fault?.[Symbol.asyncDispose]();
    await dispose();
    await server[Symbol.asyncDispose]();
  };
  return t;
}

describe('a row that the copy brings and the destination refuses', () => {
  it('is passed by a letter, and all others are copied', async () => {
    await using t = await beforeCopy({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, u: i === 400 ? 7 : i })));
    await t.copy();
    expect(await copied(t)).toHaveLength(499);
    expect(t.events).toContain('copy.row_refused');
    await t.catchUp();
    expect((await letters(t)).map(({ code, state, kept }) => [code, state, kept])).toEqual([
      ['duplicate_key', 'open', true],
    ]);
    expect(await t.destination.repairsLeft(t.id, never)).toBe(0);
    await rows(t).updateOne({ _id: 400 }, { $set: { u: 1000 } });
    await t.catchUp();
    await t.expectSame();
    expect(await states(t)).toEqual(['duplicate_key superseded']);
  });

  it('stops the stream where it is to, with the row named by its hash', async () => {
    await using t = await beforeCopy();
    await rows(t).insertMany(Array.from({ length: 50 }, (_, i) => ({ _id: i, u: i === 40 ? 7 : i })));
    await t.copy();
    await expect(t.catchUp()).rejects.toMatchObject({
      kind: 'poison',
      code: 'duplicate_key',
      namespace: `${t.sourceDb.databaseName}.rows`,
      keyHash: expect.any(Number) as number,
    });
    expect(await letters(t)).toEqual([]);
  });

  it('was read after a value had moved to it: the stream settles that without anybody', async () => {
    await using t = await beforeCopy({ batchSize: 2 });
    await rows(t).insertMany([1, 2, 3, 4].map((id) => ({ _id: id, u: id, v: 0 })));
    readSlowly(t, async () => {
      await rows(t).updateOne({ _id: 1 }, { $set: { u: 100, v: 1 } });
      await rows(t).updateOne({ _id: 3 }, { $set: { u: 1, v: 1 } });
    });
    await t.copy();
    expect(t.events).toContain('copy.row_refused');
    await t.catchUp();
    await t.expectSame();
    expect(await letters(t)).toEqual([]);
  });

  it('is tried in halves: what is refused as a whole goes through', async () => {
    await using t = await refusing(3);
    await rows(t).insertMany(Array.from({ length: 100 }, (_, i) => ({ _id: i, u: i })));
    await t.copy();
    expect(await copied(t)).toHaveLength(100);
    expect(t.events).not.toContain('copy.row_refused');
  });
});

describe('a part that the destination refuses', () => {
  // One part of 64 changes, so that the first one is alone after six halvings.
  it.each([
    ['goes through in halves', 6, [], 64],
    ['leaves out no more than the change that is refused alone', 7, ['too_large open'], 63],
  ])('%s', async (_name, times, left, written) => {
    await using t = await refusing(times);
    await t.copy();
    await t.catchUp();
    await rows(t).insertMany(Array.from({ length: 64 }, (_, i) => ({ _id: i, u: i })));
    await t.catchUp();
    expect(await states(t)).toEqual(left);
    expect(await copied(t)).toHaveLength(written);
  });
});

describe('a row that waits for a value', () => {
  it('does not wait for what comes after a schema change', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertOne({ _id: 1, u: 1 });
    await t.catchUp();
    await rows(t).insertOne({ _id: 2, u: 1 });
    await t.catchUp();
    await rows(t).updateOne({ _id: 2 }, { $set: { v: 1 } });
    await t.sourceDb.createCollection('later');
    const until = await t.source.here(never);
    expect(await t.leg({ until, sliceMs: 8_000 })).toMatchObject({ reason: 'reached' });
    expect((await letters(t)).map(({ attempts, state }) => [attempts, state])).toEqual([[2, 'open']]);
  });
});

/** Each leg loses its worker after so many writes: the last one took effect, and nobody has heard of it. */
function losing(t: CoreStream, writes: number): () => void {
  const claim = t.destination.claim.bind(t.destination);
  t.destination.claim = async (request, signal) => {
    const claimed = await claim(request, signal);
    let left = writes;
    const lost = async <T>(written: Promise<T>): Promise<T> => {
      const result = await written;
      if (--left <= 0) throw new ReplicationError('retry', { code: 'closed', message: 'the answer was lost' });
      return result;
    };
    const apply = claimed.apply.bind(claimed);
    const applyTogether = claimed.applyTogether.bind(claimed);
    claimed.apply = (part, until) => lost(apply(part, until));
    claimed.applyTogether = (parts, until) => lost(applyTogether(parts, until));
    return claimed;
  };
  return () => (t.destination.claim = claim);
}

describe('a worker that is lost while changes are refused', () => {
  it('leaves each change written, or passed by one letter', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' }, lanes: 2 });
    await rows(t).insertMany([1, 2, 3, 4].map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await rows(t).insertMany(
      Array.from({ length: 40 }, (_, i) => ({ _id: 100 + i, u: i % 10 === 5 ? 1 : 100 + i, v: 0 })),
    );
    for (let round = 1; round <= 3; round += 1) await rotate(t, [2, 3, 4], 1000 + round, round);
    await rows(t).updateOne({ _id: 105 }, { $set: { u: 5000 } });
    await using witness = await Witness.open(t.destinationDb);
    Object.defineProperty(t.destination, 'traits', { value: { ...t.destination.traits, maxChanges: 8 } });
    const found = losing(t, 2);
    let legs = 0;
    for (let reached = false; !reached && legs < 60; legs += 1)
      reached = await t.catchUp().then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'closed' });
          return false;
        },
      );
    found();
    expect(legs).toBeGreaterThan(1);
    await t.catchUp();
    const refused = [115, 125, 135];
    const wanted = (await rows(t).find().sort({ _id: 1 }).toArray()).filter(({ _id }) => !refused.includes(_id));
    expect(await copied(t)).toEqual(wanted);
    const left = (await letters(t)).filter(({ state }) => state === 'open');
    expect(left.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(await witness.regressions('v')).toEqual([]);
  });
});

/** Values go round between rows, as the source allows it: over one that nobody has. */
async function rotate(t: CoreStream, ids: readonly number[], spare: number, version: number): Promise<void> {
  const before = await rows(t)
    .find({ _id: { $in: [...ids] } })
    .toArray();
  const values = new Map(before.map(({ _id, u }) => [_id, u as number]));
  const [first = 0] = ids;
  await rows(t).updateOne({ _id: first }, { $set: { u: spare, v: version } });
  for (let i = ids.length - 1; i > 0; i -= 1)
    await rows(t).updateOne({ _id: ids[i]! }, { $set: { u: values.get(ids[(i + 1) % ids.length]!)!, v: version } });
  await rows(t).updateOne({ _id: first }, { $set: { u: values.get(ids[1]!)!, v: version + 0.5 } });
}

describe('a unique index in force', () => {
  it.each([
    ['two', [1, 2]],
    ['three', [1, 2, 3]],
    ['seven', [1, 2, 3, 4, 5, 6, 7]],
  ])('lets values move between %s rows, and nobody sees a row missing or going back', async (_name, ids) => {
    await using t = await open({ also: 'source', batchSize: 3 });
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 1000 + round, round);
    await t.catchUp();
    await t.expectSame();
    expect(t.events).toContain('collision');
    expect(await letters(t)).toEqual([]);
    expect(await witness.regressions('v')).toEqual([]);
  });

  it('lets values move while the stream runs, over crashes', async () => {
    await using t = await open({ also: 'source', batchSize: 5 });
    const ids = [1, 2, 3, 4];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    for (let crash = 0; crash < 4; crash += 1)
      await t.running(async () => {
        let counted: Promise<unknown> = Promise.resolve();
        for (let round = 1; round <= 5; round += 1) {
          counted = counted.then(async () => expect(await copied(t)).toHaveLength(ids.length));
          await rotate(t, ids, 2000 + crash * 10 + round, crash * 10 + round);
        }
        await counted;
      });
    await t.catchUp();
    await t.expectSame();
    expect(await letters(t)).toEqual([]);
    expect(await witness.regressions('v')).toEqual([]);
  });

  it('tells a true conflict from values that move beside it', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany([1, 2, 3, 4, 5].map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    await rotate(t, [1, 2, 3], 1000, 1);
    await rows(t).updateOne({ _id: 5 }, { $set: { u: 4 } });
    await rotate(t, [1, 2, 3], 1001, 2);
    await t.catchUp();
    expect((await letters(t)).map(({ code, op }) => [code, op])).toEqual([['duplicate_key', 'update']]);
    const wanted = (await rows(t).find().sort({ _id: 1 }).toArray()).map((row) =>
      row._id === 5 ? { ...row, u: 5 } : row,
    );
    expect(await copied(t)).toEqual(wanted);
  });

  it('lets values move where every update is read again', async () => {
    await using t = await open({ also: 'source', updates: 'row', batchSize: 3 });
    const ids = [1, 2, 3];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 1000 + round, round);
    await t.catchUp();
    await t.expectSame();
    expect(await letters(t)).toEqual([]);
  });
});

describe('a unique index that a copy is in the way of', () => {
  it('is built by the stream once it is in step', async () => {
    await using t = await CoreStream.open({ uniqueIndexes: 'in_force' });
    await rows(t).createIndex({ u: 1 }, { unique: true }, {});
    await rows(t).insertMany([1, 2, 3].map((id) => ({ _id: id, u: id })));
    await t.copy();
    await rows(t).updateOne({ _id: 1 }, { $set: { u: 100 } });
    await rows(t).updateOne({ _id: 2 }, { $set: { u: 1 } });
    t.inStepAfter = await t.source.here(never);
    // As a copy leaves it that has read the second row later than the first one.
    await t.destinationDb.collection<Row>('rows').updateOne({ _id: 2 }, { $set: { u: 1 } });
    const claim = await t.claim('existing');
    await claim.index(await t.source.namespaces(never), () => undefined, never);
    expect(t.events).toContain('index_waits');
    expect(t.events).not.toContain('index_refused');
    const isThere = async (): Promise<true | undefined> =>
      (await t.destinationDb.collection('rows').indexes()).some(({ key, unique }) => 'u' in key && unique) || undefined;
    expect(await isThere()).toBeUndefined();
    await t.running(() => waitFor(isThere, { what: 'the unique index', timeoutMs: 30_000 }));
    await t.expectSame();
  });

  it('is left to the end where rows violate it for good', async () => {
    await using t = await CoreStream.open({ uniqueIndexes: 'in_force' });
    await rows(t).createIndex({ u: 1 }, { unique: true }, {});
    await rows(t).insertMany([1, 2].map((id) => ({ _id: id, u: id })));
    await t.copy();
    t.inStepAfter = await t.source.here(never);
    await t.destinationDb.collection<Row>('rows').insertOne({ _id: 3, u: 1 });
    const claim = await t.claim('existing');
    await claim.index(await t.source.namespaces(never), () => undefined, never);
    const isRefused = (): Promise<true | undefined> => Promise.resolve(t.events.includes('index_refused') || undefined);
    await t.running(() => waitFor(isRefused, { what: 'the end of all tries', timeoutMs: 60_000 }));
    expect(t.events.filter((event) => event === 'index_waits').length).toBeGreaterThan(1);
    const found = await (await t.claim('existing')).finalize(await t.source.namespaces(never), never);
    expect(found).toMatchObject([{ code: 'unique_violation' }]);
  });
});

describe('a unique index in force while rows are looked up', () => {
  it('waits until the stream is where they were read', async () => {
    await using t = await open({ also: 'source', updates: 'row', batchSize: 2 });
    Object.defineProperty(t.destination, 'traits', { value: { ...t.destination.traits, maxChanges: 2 } });
    const ids = [1, 2, 3, 4, 5];
    await rows(t).insertMany(ids.map((id) => ({ _id: id, u: id, v: 0 })));
    await t.catchUp();
    for (let round = 1; round <= 10; round += 1) await rotate(t, ids, 3000 + round, round);
    await t.running(async () => {
      for (let round = 11; round <= 40; round += 1) await rotate(t, ids, 3000 + round, round);
    });
    await t.catchUp();
    await t.expectSame();
    expect(await letters(t)).toEqual([]);
  });
});

describe('a row that was looked up', () => {
  it('never goes back, whatever comes after it', async () => {
    await using t = await open();
    await t.destinationDb.collection('rows').dropIndexes();
    await rows(t).insertMany(Array.from({ length: 30 }, (_, i) => ({ _id: i, v: 0, n: { 0: 0 } })));
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    // Steps so small that changes of one row come in many of them.
    Object.defineProperty(t.destination, 'traits', { value: { ...t.destination.traits, maxChanges: 5 } });
    const lookup = jest.spyOn(t.source, 'lookup');
    // A name that may also be an index of an array.
    const doubtful = (v: number) => ({ $set: { 'n.0': v, v } });
    const all = Array.from({ length: 30 }, (_, i) => i);
    for (let round = 1; round <= 8; round += 1) {
      for (const _id of all) {
        const v = round * 10;
        if (_id % 3 === 0) await rows(t).updateOne({ _id }, doubtful(v));
        else if (_id % 3 === 1) await rows(t).replaceOne({ _id }, { v, n: { 0: round } });
        await rows(t).updateOne({ _id }, { $set: { v: v + 1 } });
        if (_id % 5 === 0) await rows(t).updateOne({ _id }, doubtful(v + 2));
      }
    }
    const until = await t.source.here(never);
    // Longer each time: a slow machine may not come to write anything in the first ones.
    for (let sliceMs = 60; ; sliceMs *= 1.2) {
      const outcome = await t.leg({ until, sliceMs });
      if (outcome.reason === 'reached') break;
    }
    await t.expectSame();
    expect(lookup).toHaveBeenCalled();
    expect(await witness.regressions('v')).toEqual([]);
  });
});

describe('any changes of which some are refused', () => {
  it('end as at the source once the reason is gone and the rows are asked for', async () => {
    const write = fc.record({
      _id: fc.nat(11),
      u: fc.nat(14),
      how: fc.constantFrom('replace' as const, 'delta' as const, 'other' as const, 'delete' as const),
    });
    const client = await new MongoClient(sharedMongo('destination')).connect();
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(write, { maxLength: 25 }), { minLength: 1, maxLength: 3 }),
          async (bursts) => {
            await using t = await open({ errors: { onError: 'dead_letter' }, batchSize: 7 });
            for (const burst of bursts) {
              for (const { _id, u, how } of burst) {
                if (how === 'replace') await rows(t).replaceOne({ _id }, { u }, { upsert: true });
                else if (how === 'delta') await rows(t).updateOne({ _id }, { $set: { u } });
                else if (how === 'other') await rows(t).updateOne({ _id }, { $inc: { n: 1 } });
                else await rows(t).deleteOne({ _id });
              }
              await t.catchUp();
            }
            await t.destinationDb.collection('rows').dropIndexes();
            const asks = [];
            for await (const { namespace, key } of t.destination.letterKeys({ stream: t.id, state: 'open' }, never))
              asks.push({ namespace, key, reason: 'replay' as const });
            await t.destination.askRepairs(t.id, asks, never);
            await t.running(async () => {
              while ((await t.destination.repairsLeft(t.id, never)) > 0) await t.sourceDb.command({ ping: 1 });
            });
            await t.expectSame();
            expect((await letters(t)).filter(({ state }) => state === 'open')).toEqual([]);
          },
        ),
        { numRuns: 12 },
      );
    } finally {
      await client.close();
    }
  });
});
