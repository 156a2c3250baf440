import type { LanePart } from '../../src/replication/destination';
import { deltaMissed, ReplicationError } from '../../src/replication/errors';
import { Lane, type LaneContext } from '../../src/replication/lane';
import { LowWater } from '../../src/replication/low-water';
import type { Position } from '../../src/replication/position';
import { at, delta, order, removal, row, silentMeter, words } from '../support/changes';

const signal = new AbortController().signal;

function lane(options: {
  readonly position?: Position;
  readonly maxChanges?: number;
  readonly maxBytes?: number;
  readonly positions?: 'change' | 'batch';
  readonly apply?: (part: LanePart) => Promise<{ fresh: boolean; bytes: number }>;
}) {
  const parts: LanePart[] = [];
  const failures: unknown[] = [];
  let durable = 0;
  const context: LaneContext = {
    source: {
      order,
      traits: { kind: 'list', encoding: 'bson', positions: options.positions ?? 'change', deltas: true },
      lookup: (changes) => Promise.resolve(changes.map((c) => row(c.key.id, c.position.token as number))),
    },
    claim: {
      apply: async (part) => {
        const result = await (options.apply?.(part) ?? Promise.resolve({ fresh: true, bytes: 0 }));
        parts.push(part);
        return result;
      },
    },
    maxChanges: options.maxChanges ?? 1000,
    maxBytes: options.maxBytes ?? 1e6,
    meter: silentMeter,
    log: () => undefined,
    durable: (changes) => (durable += changes),
    failed: (error) => failures.push(error),
  };
  const it = new Lane({ lane: 3, sequence: 10, position: options.position ?? null, aheadUntil: null }, context);
  return { lane: it, parts, failures, durable: () => durable };
}

describe('Lane', () => {
  it('writes several batches in one step and counts its sequence by steps', async () => {
    const t = lane({});
    const mark = new LowWater(at(0));
    for (const token of [1, 2]) {
      const batch = mark.begin();
      t.lane.push([row(`r${token}`, token)], batch, true, signal);
      batch.close(at(token), token);
    }
    await t.lane.idle();
    const batch = mark.begin();
    t.lane.push([row('r3', 3)], batch, true, signal);
    batch.close(at(3), 3);
    await t.lane.idle();
    expect(t.parts.map((part) => [part.expected, part.position, words(part.changes)])).toEqual([
      [10, at(2), ['replace r1@1', 'replace r2@2']],
      [11, at(3), ['replace r3@3']],
    ]);
    expect(mark.settle() && mark.position).toEqual(at(3));
  });

  it('splits what is larger than one step, and settles the batch with the last piece only', async () => {
    const t = lane({
      maxChanges: 2,
      apply: () => {
        expect(mark.settle()).toBe(false);
        return Promise.resolve({ fresh: true, bytes: 0 });
      },
    });
    const mark = new LowWater(at(0));
    const batch = mark.begin();
    t.lane.push(
      [1, 2, 3, 4, 5].map((n) => row(`r${n}`, n)),
      batch,
      true,
      signal,
    );
    batch.close(at(9), 9);
    await t.lane.idle();
    expect(t.parts.map((part) => words(part.changes).length)).toEqual([2, 2, 1]);
    expect(t.parts.map((part) => part.position)).toEqual([at(2), at(4), at(5)]);
    expect(mark.settle() && mark.position).toEqual(at(9));
  });

  it('records only whole batches where changes have no position of their own', async () => {
    const t = lane({ maxChanges: 2, positions: 'batch' });
    const mark = new LowWater(at(0));
    const batch = mark.begin();
    t.lane.push([row('a', 1), row('b', 1), row('c', 1)], batch, true, signal);
    batch.close(at(9), 9);
    await t.lane.idle();
    expect(t.parts.map((part) => part.position)).toEqual([null, at(9)]);
  });

  it('sends a change that is larger than a step alone', async () => {
    const t = lane({ maxBytes: 50 });
    const batch = new LowWater(at(0)).begin();
    t.lane.push([row('a', 1), row('b', 2)], batch, true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => words(part.changes))).toEqual([['replace a@1'], ['replace b@2']]);
  });

  it('does not mix the overlap with what follows it', async () => {
    const t = lane({});
    const mark = new LowWater(at(0));
    t.lane.push([row('a', 1)], mark.begin(), false, signal);
    t.lane.push([row('b', 2)], mark.begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => part.inStep)).toEqual([false, true]);
  });

  it('leaves out what its record shows as applied, and only that', () => {
    const t = lane({ position: at(5) });
    expect(words(t.lane.unseen([row('a', 4), row('b', 5), delta('c', 6)]))).toEqual(['update c@6']);
    expect(words(t.lane.unseen([row('a', 7)]))).toEqual(['replace a@7']);
  });

  it('applies again what stands apart from its record', () => {
    const t = lane({ position: { source: 'list', history: 'other', token: 5 } });
    expect(words(t.lane.unseen([row('a', 4)]))).toEqual(['replace a@4']);
  });

  it('reads rows afresh when a delta does not fit, and sends the same step again', async () => {
    const t = lane({
      apply: (part) =>
        part.changes.some((change) => change.op === 'update')
          ? Promise.reject(deltaMissed('shop.orders'))
          : Promise.resolve({ fresh: true, bytes: 0 }),
    });
    t.lane.push([delta('a', 1), removal('b', 2)], new LowWater(at(0)).begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => [part.expected, part.inStep, words(part.changes)])).toEqual([
      [10, false, ['delete b@2', 'replace a@1']],
    ]);
    expect(t.durable()).toBe(2);
  });

  it('stops at the first failure and settles nothing of it', async () => {
    const failure = new ReplicationError('poison', { code: 'document_validation', message: 'refused' });
    const t = lane({ apply: () => Promise.reject(failure) });
    const mark = new LowWater(at(0));
    const batch = mark.begin();
    t.lane.push([row('a', 1)], batch, true, signal);
    batch.close(at(1), 1);
    await t.lane.idle();
    t.lane.push([row('b', 2)], mark.begin(), true, signal);
    await t.lane.close();
    expect(t.failures).toEqual([failure]);
    expect(mark.settle()).toBe(false);
    expect(t.parts).toEqual([]);
  });
});
