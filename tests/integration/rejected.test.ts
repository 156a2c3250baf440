import fc from 'fast-check';
import { MongoClient } from 'mongodb';
import type { Change } from '../../src/core/model/change';
import { ReplicationError } from '../../src/core/model/errors';
import type { CoreStream } from '../support/core';
import { sharedMongo } from '../support/servers';
import { Witness } from '../support/witness';
import {
  copied,
  duplicateIn,
  deadLetters,
  never,
  open,
  refusing,
  rotate,
  rows,
  states,
  type Row,
} from './rejected-context';

describe('a change that the destination rejects', () => {
  it('stops the stream before it by default, and names it by its hash', async () => {
    await using t = await open();
    await rows(t).insertMany(Array.from({ length: 50 }, (_, i) => ({ _id: i, u: i === 40 ? 7 : i })));
    await expect(t.catchUp()).rejects.toMatchObject(duplicateIn(t));
    expect(await deadLetters(t)).toEqual([]);
    expect(await states(t)).toEqual([]);
  });

  it('is passed by a dead letter, and everything else goes through', async () => {
    await using t = await open({ errors: { onError: 'dead_letter' } });
    await rows(t).insertMany(Array.from({ length: 500 }, (_, i) => ({ _id: i, u: i === 400 ? 7 : i })));
    await t.catchUp();
    expect(await copied(t)).toHaveLength(499);
    const [letter, ...others] = await deadLetters(t);
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
    expect((await deadLetters(t)).map(({ attempts, op, state }) => [attempts, op, state])).toEqual([
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
    expect((await deadLetters(t)).map(({ kept }) => kept)).toEqual([false]);
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
    const progressed = t.sourceDb.collection<Row>('moved');
    await progressed.updateOne({ _id: 2 }, { $set: { u: 2 } });
    await t.catchUp();
    await t.expectSame();
    expect((await deadLetters(t)).map(({ namespace, state }) => [namespace.split('.')[1], state])).toEqual([
      ['moved', 'superseded'],
    ]);
  });
});

/** A leg reads a few changes first: the stream gives so many of them at a time. */
function inOneBatch(t: CoreStream, count: number): void {
  const stream = t.source.stream.bind(t.source);
  t.source.stream = async function* (from, options, signal) {
    let changes: readonly Change[] = [];
    for await (const event of stream(from, options, signal)) {
      if (event.type !== 'commit') {
        yield event;
        continue;
      }
      changes = [...changes, ...event.changes];
      if (changes.length < count) continue;
      yield { ...event, changes, bytes: changes.reduce((sum, { bytes }) => sum + bytes, 0) };
      changes = [];
    }
  };
}

describe('a part that the destination rejects', () => {
  // One part of 64 changes, so that the first one is alone after six halvings.
  it.each([
    ['goes through in halves', 6, [], 64],
    ['leaves out no more than the change that is rejected alone', 7, ['too_large open'], 63],
  ])('%s', async (_name, times, left, written) => {
    await using t = await refusing(times);
    await t.copy();
    await t.catchUp();
    await rows(t).insertMany(Array.from({ length: 64 }, (_, i) => ({ _id: i, u: i })));
    inOneBatch(t, 64);
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
    const until = await t.source.currentPosition(never);
    expect(await t.leg({ until, sliceMs: 8_000 })).toMatchObject({ reason: 'reached' });
    expect((await deadLetters(t)).map(({ attempts, state }) => [attempts, state])).toEqual([[2, 'open']]);
  });
});

/** Each leg loses its worker after so many writes: the last one took effect, and its reply was lost. */
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
    const applyTogether = claimed.rewriteConflicts.bind(claimed);
    claimed.apply = (part, until) => lost(apply(part, until));
    claimed.rewriteConflicts = (parts, until) => lost(applyTogether(parts, until));
    return claimed;
  };
  return () => (t.destination.claim = claim);
}

describe('a worker that is lost while changes are rejected', () => {
  it('leaves each change written, or passed by one dead letter', async () => {
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
    const left = (await deadLetters(t)).filter(({ state }) => state === 'open');
    expect(left.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(await witness.regressions('v')).toEqual([]);
  });
});

describe('any changes of which some are rejected', () => {
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
            for await (const { namespace, key } of t.destination.deadLetterKeys({ stream: t.id, state: 'open' }, never))
              asks.push({ namespace, key, reason: 'replay' as const });
            await t.destination.askRepairs(t.id, asks, never);
            await t.running(async () => {
              while ((await t.destination.repairsLeft(t.id, never)) > 0) await t.sourceDb.command({ ping: 1 });
            });
            await t.expectSame();
            expect((await deadLetters(t)).filter(({ state }) => state === 'open')).toEqual([]);
          },
        ),
        { numRuns: 12 },
      );
    } finally {
      await client.close();
    }
  });
});
