import { randomUUID } from 'node:crypto';
import { Double, type Document } from 'mongodb';
import { losingRows } from '../../src/activities/verification/namespaces';
import { idDocument, keyOf } from '../../src/formats/bson/key';
import { absentFrom } from '../../src/core/refresh/absent';
import { systemClock } from '../../src/host/clock';
import { createComparison, type CompareReason } from '../../src/core/verify/compare';
import { recheck, type RecheckOutcome } from '../../src/core/verify/recheck';
import type { Range } from '../../src/core/ports/source';
import type { Difference, DifferenceState, Verification } from '../../src/core/ports/verification';
import { waitFor } from '../../src/servers/wait';
import { CoreStream } from '../support/core';

const never = new AbortController().signal;
const log = (): void => undefined;
interface Rows extends Document {
  _id: number | string;
}

/** Three batches of a comparison; `tributary verify` is tested with more than settling reads at once. */
const ROWS = 300;
/** A stream at rest does not move: the time for which it is waited for need not pass. */
const FAST = 20;

/** One run of a verification of a stream without Temporal. */
class Run {
  readonly verification: Verification;

  constructor(private readonly t: CoreStream) {
    this.verification = t.destination.verification(t.id, randomUUID());
  }

  async plan(cuts = 3): Promise<this> {
    const namespaces = await this.t.source.namespaces(never);
    const ranges = new Map<string, readonly Range[]>();
    for (const each of namespaces) {
      const cut = await this.t.source.ranges(each, { count: () => cuts, since: null }, never);
      ranges.set(each.name, cut.ranges);
    }
    await this.verification.plan(ranges, [], never);
    return this;
  }

  async compare(
    options: { sliceMs?: number; rowsPerSecond?: number; batchSize?: number } = {},
  ): Promise<CompareReason> {
    return createComparison({
      source: this.t.source,
      destination: this.t.destination,
      verification: this.verification,
      since: await this.t.source.currentPosition(never),
      losesRows: losingRows(this.t.source, never),
      keyOf: (row) => {
        const key = idDocument(row);
        return key && keyOf(key);
      },
      parallelism: 2,
      batchSize: options.batchSize ?? 100,
      rowsPerSecond: options.rowsPerSecond ?? 0,
      sliceMs: options.sliceMs ?? 60_000,
      clock: systemClock,
      compared: () => undefined,
      log,
    }).run(never);
  }

  /** With a clock that runs so many times faster. */
  settle(speed = FAST): Promise<RecheckOutcome> {
    return recheck(
      {
        source: this.t.source,
        destination: this.t.destination,
        verification: this.verification,
        losesRows: losingRows(this.t.source, never),
        sliceMs: 60_000 * speed,
        clock: { ...systemClock, monotonic: () => systemClock.monotonic() * speed },
        report: () => undefined,
        log,
      },
      never,
    );
  }

  async all(state: DifferenceState): Promise<readonly Difference[]> {
    return (await this.verification.differences({ state }, { limit: 1_000, after: null }, never)).list;
  }

  async damaged(): Promise<Record<string, string>> {
    return Object.fromEntries((await this.all('damaged')).map(({ key, kind }) => [key.id, kind]));
  }
}

describe('comparing both sides of a stream', () => {
  let t: CoreStream;
  const source = (name = 'orders') => t.sourceDb.collection<Rows>(name);
  const target = (name = 'orders') => t.destinationDb.collection<Rows>(name);
  const open = (): Promise<Run> => new Run(t).plan();

  beforeEach(async () => {
    t = await CoreStream.open();
    await source().insertMany(Array.from({ length: ROWS }, (_, _id) => ({ _id, n: 1, text: 'x' })));
    await t.copy();
    await t.catchUp();
  });
  afterEach(async () => {
    await t[Symbol.asyncDispose]();
  });

  it('finds nothing where nothing differs, and has read every row of both sides', async () => {
    const run = await open();
    expect(await run.compare()).toBe('done');
    expect(await run.settle()).toEqual({ reason: 'done', cleared: 0, damaged: 0, unsettled: 0 });
    expect(await run.verification.findings(never)).toMatchObject({
      sourceRows: ROWS,
      destinationRows: ROWS,
      suspects: 0,
      damaged: { missing: 0, extra: 0, different: 0 },
      unsettled: 0,
    });
  });

  it('takes rows that have fallen out of a capped collection for no damage, but not those that are missing', async () => {
    await t.sourceDb.createCollection('log', { capped: true, size: 65_536, max: 1_000 });
    await source('log').insertMany(Array.from({ length: 5 }, (_, _id) => ({ _id, n: 1 })));
    await t.catchUp();
    // As if they had fallen out: before, behind and among the rows of the source.
    await target('log').insertMany([{ _id: -1 }, { _id: 2.5 }, { _id: 99 }]);
    await target('log').deleteOne({ _id: 3 });
    const run = await open();
    await run.compare();
    expect(await run.settle()).toMatchObject({ damaged: 1, unsettled: 0 });
    expect(await run.damaged()).toEqual({ n3: 'missing' });
    // They go before the target becomes capped: it would give up rows of the source for them.
    const claim = await t.claim('existing');
    await claim.convert(await t.source.namespaces(never), await absentFrom(t.source, never), never);
    const left = await target('log').find().sort({ _id: 1 }).toArray();
    expect(left.map(({ _id }) => _id)).toEqual([0, 1, 2, 4]);
  });

  it('tells a changed byte, another number type, another order of fields, a missing and an extra row', async () => {
    await target().updateOne({ _id: 10 }, { $set: { text: 'y' } });
    await target().updateOne({ _id: 20 }, { $set: { n: new Double(1) } });
    await target().replaceOne({ _id: 30 }, { text: 'x', n: 1 });
    await target().deleteOne({ _id: 40 });
    await target().insertMany([{ _id: 10.5 }, { _id: -1 }, { _id: 'behind' }]);
    const run = await open();
    await run.compare();
    expect(await run.settle()).toMatchObject({ reason: 'done', damaged: 7, unsettled: 0 });
    expect(await run.damaged()).toEqual({
      n10: 'different',
      n20: 'different',
      n30: 'different',
      n40: 'missing',
      'n105E-1': 'extra',
      'n-1': 'extra',
      sbehind: 'extra',
    });
  });

  it('finds every row of an empty destination missing, and every row of an empty source extra', async () => {
    await target().deleteMany({});
    const empty = await open();
    await empty.compare();
    await empty.settle();
    expect((await empty.verification.findings(never)).damaged).toEqual({ missing: ROWS, extra: 0, different: 0 });
    await source('other').insertOne({ _id: 1 });
    await t.catchUp();
    await t.destinationDb.collection<Rows>('other').insertMany(Array.from({ length: 500 }, (_, n) => ({ _id: n + 2 })));
    const other = await open();
    await other.compare();
    await other.settle();
    expect((await other.verification.findings(never)).damaged).toEqual({ missing: ROWS, extra: 500, different: 0 });
  });

  it('does not take a backlog of the stream for damage, and tells what it cannot resolve', async () => {
    await source().updateMany({ _id: { $lt: 50 } }, { $inc: { n: 1 } });
    await source().deleteOne({ _id: 60 });
    await source().insertOne({ _id: 'new' });
    // Not touched by the backlog: this one is damage, whether the stream moves or not.
    await target().deleteOne({ _id: 70 });
    const run = await open();
    await run.compare();
    expect((await run.verification.findings(never)).suspects).toBe(53);
    expect(await run.settle()).toMatchObject({ cleared: 0, damaged: 1, unsettled: 52 });
    expect(await run.damaged()).toEqual({ n70: 'missing' });
    await t.catchUp();
    await run.verification.reopen(never);
    expect(await run.settle()).toMatchObject({ cleared: 52, damaged: 1, unsettled: 0 });
  });

  it('does not take a row for damage that goes to and fro while it is rechecked', async () => {
    const stop = new AbortController();
    const leg = t.leg({ signal: stop.signal });
    let flips = 0;
    const flipping = (async () => {
      while (!stop.signal.aborted) await source().updateMany({ _id: { $lt: 5 } }, { $set: { n: 100 + (flips++ % 2) } });
    })();
    try {
      for (let i = 0; i < 3; i += 1) {
        const run = await open();
        await run.compare();
        const { damaged } = await run.settle(1);
        expect(damaged).toBe(0);
      }
      expect(flips).toBeGreaterThan(10);
    } finally {
      stop.abort();
      await Promise.all([flipping, leg]);
    }
  });

  it('goes on in the middle of a range', async () => {
    await target().deleteOne({ _id: ROWS - 100 });
    await target().deleteOne({ _id: 3 });
    const run = await new Run(t).plan(1);
    let calls = 1;
    while ((await run.compare({ sliceMs: 1, batchSize: 25 })) !== 'done') {
      calls += 1;
      expect(calls).toBeLessThan(100);
    }
    expect(calls).toBeGreaterThan(3);
    const { sourceRows, destinationRows } = await run.verification.findings(never);
    expect([sourceRows, destinationRows]).toEqual([ROWS, ROWS - 2]);
    await run.settle();
    expect(await run.damaged()).toEqual({ n3: 'missing', n200: 'missing' });
  });

  it('lets only one compare a range', async () => {
    const run = await new Run(t).plan(1);
    const outcomes = await Promise.allSettled([run.compare(), run.compare()]);
    const failed = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(failed.map(({ reason }) => (reason as { kind: string }).kind)).toEqual(['fenced']);
    if (failed.length > 0) await run.compare();
    expect((await run.verification.findings(never)).sourceRows).toBe(ROWS);
  });

  it('reads no faster than it may', async () => {
    const run = await open();
    const started = Date.now();
    await run.compare({ rowsPerSecond: 500 });
    expect(Date.now() - started).toBeGreaterThan(1_000);
  });

  it('compares what targets are', async () => {
    await source().createIndex({ n: 1 });
    await source('users').insertOne({ _id: 1 });
    await source('gone').insertOne({ _id: 1 });
    await t.catchUp();
    const run = await open();
    const layout = async () => {
      const found = await run.verification.layout(await t.source.namespaces(never), () => true, never);
      return found
        .filter(({ severity }) => severity === 'error')
        .map(({ code, namespace }) => `${code} ${namespace?.split('.')[1]}`);
    };
    expect(await layout()).toEqual([]);
    await target().dropIndex('n_1');
    expect(await layout()).toEqual(['index_missing orders']);
    await target().createIndex({ text: 1 }, { name: 'n_1' }, {});
    expect(await layout()).toEqual(['index_differs orders']);
    await target().dropIndex('n_1');
    await target().createIndex({ n: 1 });
    await t.destinationDb.command({ collMod: 'users', validator: { a: { $exists: true } } });
    await target('gone').drop();
    expect((await layout()).sort()).toEqual(['options_differ users', 'target_missing gone']);
    await source('gone').drop();
    await target('gone').insertOne({ _id: 1 });
    expect((await layout()).sort()).toEqual(['options_differ users', 'source_missing gone']);
  });

  it('takes a plain index for one that is held back, and no other', async () => {
    await source().updateMany({}, [{ $set: { m: '$_id' } }]);
    await source().createIndex({ m: 1 });
    // It is built while lanes write: a leg that only catches up may end before.
    const built = async () => ((await target().indexes()).some(({ name }) => name === 'm_1') ? true : undefined);
    await t.running(() => waitFor(built, { what: 'the index', timeoutMs: 30_000 }));
    await source().dropIndex('m_1');
    await source().createIndex({ m: 1 }, { unique: true }, {});
    const run = await open();
    const layout = async () => {
      const found = await run.verification.layout(await t.source.namespaces(never), () => true, never);
      return found.map(({ severity, code }) => `${severity} ${code}`);
    };
    expect(await layout()).toEqual(['note index_held']);
    await target().dropIndex('m_1');
    expect(await layout()).toEqual(['note index_held']);
    await target().createIndex({ m: -1 }, { name: 'm_1' }, {});
    expect(await layout()).toEqual(['error index_differs']);
  });
});
