import type { Change } from '../../src/core/model/change';
import type { LanePart, Written } from '../../src/core/ports/destination';
import { deltaMissed, ReplicationError } from '../../src/core/model/errors';
import { Lane } from '../../src/core/write/lane';
import { LowWater } from '../../src/core/pump/low-water';
import type { Position } from '../../src/core/model/position';
import type { StepSize } from '../../src/core/write/step-size';
import { RejectedChanges, type ErrorPolicy } from '../../src/core/failures/rejected-changes';
import { at, delta, removal, row, silentMeter, words } from '../support/changes';
import { laneContext, stepSize } from '../support/lanes';

const signal = new AbortController().signal;

function lane(options: {
  readonly position?: Position;
  readonly maxChanges?: number;
  readonly size?: StepSize;
  readonly maxBytes?: number;
  readonly positions?: 'change' | 'batch';
  readonly apply?: (part: LanePart) => Promise<Written>;
  readonly readAheadLimit?: Position;
  readonly here?: () => Position;
  readonly monotonic?: boolean;
  readonly policy?: Partial<ErrorPolicy>;
  readonly behind?: readonly Change[];
  readonly collided?: () => void;
}) {
  const parts: LanePart[] = [];
  const failures: unknown[] = [];
  const looked: string[] = [];
  let durable = 0;
  let refused = 0;
  const rejected = new RejectedChanges(
    {
      policy: { onError: 'fail_stream', maxRetries: 0, retryDelayMs: 1, ...options.policy },
      meter: silentMeter,
      log: () => undefined,
      countRejected: (changes) => (refused += changes),
    },
    (options.behind ?? []).map(({ namespace, key }) => ({ deadLetter: `letter ${key.id}`, namespace, key })),
  );
  const defaults = laneContext();
  const context = laneContext({
    source: {
      ...defaults.source,
      traits: { ...defaults.source.traits, positions: options.positions ?? 'change' },
      lookup: (changes, ...rest) => {
        looked.push(...words(changes));
        return defaults.source.lookup(changes, ...rest);
      },
      currentPosition: () => Promise.resolve(options.here?.() ?? at(0)),
    },
    rejected,
    monotonic: options.monotonic ?? true,
    collided: options.collided ?? null,
    claim: {
      apply: async (part) => {
        const result = await (options.apply?.(part) ?? Promise.resolve({ fresh: true }));
        parts.push(part);
        return result;
      },
    },
    size: options.size ?? stepSize(options.maxChanges),
    maxBytes: options.maxBytes ?? 1e6,
    durable: (changes) => (durable += changes),
    failed: (error) => failures.push(error),
  });
  const it = new Lane(
    { lane: 3, sequence: 10, position: options.position ?? null, readAheadLimit: options.readAheadLimit ?? null },
    context,
  );
  return { lane: it, parts, failures, looked, durable: () => durable, refused: () => refused };
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
    expect(mark.advance() && mark.position).toEqual(at(3));
  });

  it('splits what is larger than one step, and acknowledges the batch with the last piece only', async () => {
    const t = lane({
      maxChanges: 2,
      apply: () => {
        expect(mark.advance()).toBe(false);
        return Promise.resolve({ fresh: true });
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
    expect(mark.advance() && mark.position).toEqual(at(9));
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
    expect(t.parts.map((part) => part.pastOverlap)).toEqual([false, true]);
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
          : Promise.resolve({ fresh: true }),
    });
    t.lane.push([delta('a', 1), removal('b', 2)], new LowWater(at(0)).begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => [part.expected, part.pastOverlap, words(part.changes)])).toEqual([
      [10, false, ['replace a@1', 'delete b@2']],
    ]);
    expect(t.durable()).toBe(2);
  });

  it('stops at the first failure and acknowledges nothing of it', async () => {
    const failure = new ReplicationError('poison', { code: 'document_validation', message: 'refused' });
    const t = lane({ apply: () => Promise.reject(failure) });
    const mark = new LowWater(at(0));
    const batch = mark.begin();
    t.lane.push([row('a', 1)], batch, true, signal);
    batch.close(at(1), 1);
    await t.lane.idle();
    t.lane.push([row('b', 2)], mark.begin(), true, signal);
    await t.lane.close();
    expect(t.failures).toMatchObject([{ kind: 'poison', code: 'document_validation', namespace: 'shop.orders' }]);
    expect(mark.advance()).toBe(false);
    expect(t.parts).toEqual([]);
  });
});

const poison = (code = 'document_validation') => new ReplicationError('poison', { code, message: 'refused' });

describe('a lane that has looked a row up', () => {
  it('looks up every change of it until where it was read, and remembers that beyond itself', async () => {
    const t = lane({ here: () => at(5) });
    const mark = new LowWater(at(0));
    const give = async (...changes: Change[]) => {
      t.lane.push(changes, mark.begin(), true, signal);
      await t.lane.idle();
    };
    await give(delta('a', 1, true));
    await give(delta('a', 2), delta('b', 2));
    await give(row('a', 3), removal('c', 3));
    await give(removal('a', 5));
    await give(delta('a', 6));
    expect(t.looked).toEqual(['update a@1', 'update a@2', 'replace a@3', 'delete a@5']);
    expect(t.parts.map((part) => [part.readAheadLimit, words(part.changes)])).toEqual([
      [at(5), ['replace a@1']],
      [at(5), ['replace a@2', 'update b@2']],
      [at(5), ['replace a@3', 'delete c@3']],
      [at(5), ['replace a@5']],
      [undefined, ['update a@6']],
    ]);
  });

  it('and was taken over looks all rows up until there', async () => {
    const t = lane({ readAheadLimit: at(4), here: () => at(4) });
    const mark = new LowWater(at(0));
    for (const changes of [[delta('a', 3), row('b', 4)], [delta('a', 5)]]) {
      t.lane.push(changes, mark.begin(), true, signal);
      await t.lane.idle();
    }
    expect(t.parts.map((part) => words(part.changes))).toEqual([['replace a@3', 'replace b@4'], ['update a@5']]);
  });

  it('asks nothing where rows are looked up all the time', async () => {
    const t = lane({ monotonic: false, here: () => Promise.reject(new Error('asked')) as never });
    t.lane.push([delta('a', 1, true)], new LowWater(at(0)).begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => part.readAheadLimit)).toEqual([undefined]);
    expect(t.failures).toEqual([]);
  });
});

describe('a lane with a change that is rejected', () => {
  const rows = (count: number) => Array.from({ length: count }, (_, i) => row(`r${i}`, i + 1));
  const refusing = (...ids: string[]) => {
    let calls = 0;
    const apply = (part: LanePart): Promise<Written> => {
      calls += 1;
      if (part.changes.some((change) => ids.includes(change.key.id))) return Promise.reject(poison());
      const deadLetters = (part.rejected ?? []).map(
        ({ deadLetter: letter, change }) => letter ?? `letter ${change.key.id}`,
      );
      return Promise.resolve({ fresh: true, deadLetters });
    };
    return { apply, calls: () => calls };
  };

  it('isolates it by halving, each half with its own sequence and position', async () => {
    const { apply, calls } = refusing('r5');
    const t = lane({ apply, policy: { onError: 'dead_letter' } });
    const mark = new LowWater(at(0));
    const batch = mark.begin();
    t.lane.push(rows(1000), batch, true, signal);
    batch.close(at(1000), 1);
    await t.lane.idle();
    expect(t.parts.map((part) => part.expected)).toEqual(t.parts.map((_, i) => 10 + i));
    expect(t.parts.flatMap((part) => words(part.changes))).toEqual(words(rows(1000).filter((_, i) => i !== 5)));
    const ends = t.parts.map((part) => part.position?.token as number);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    for (const part of t.parts) {
      const last = part.changes.at(-1) ?? part.rejected?.[0]?.change;
      expect(part.position).toEqual(last?.position);
    }
    expect(
      t.parts.flatMap((part) => part.rejected ?? []).map(({ code, attempts, kept }) => [code, attempts, kept]),
    ).toEqual([['document_validation', 1, true]]);
    expect(calls()).toBeLessThan(2 * 11 + 2);
    expect(mark.advance() && mark.position).toEqual(at(1000));
    expect([t.durable(), t.refused()]).toEqual([1000, 1]);
  });

  it('claims no position inside a batch whose changes have none', async () => {
    const t = lane({ apply: refusing('r1').apply, positions: 'batch', policy: { onError: 'skip' } });
    const batch = new LowWater(at(0)).begin();
    t.lane.push(rows(4), batch, true, signal);
    batch.close(at(9), 1);
    await t.lane.idle();
    expect(t.parts.map((part) => part.position)).toEqual([null, null, at(9)]);
    expect(t.parts.flatMap((part) => part.rejected ?? []).map(({ kept }) => kept)).toEqual([false]);
  });

  it('stops before it, and names it, where that is the policy', async () => {
    for (const onError of ['fail_stream', 'retry'] as const) {
      const { apply, calls } = refusing('r2');
      const t = lane({ apply, policy: { onError, maxRetries: onError === 'retry' ? 3 : 0 } });
      t.lane.push(rows(4), new LowWater(at(0)).begin(), true, signal);
      await t.lane.idle();
      expect(t.parts.flatMap((part) => words(part.changes))).toEqual(['replace r0@1', 'replace r1@2']);
      expect(t.failures).toMatchObject([
        { kind: 'poison', code: 'document_validation', namespace: 'shop.orders', keyHash: row('r2', 1).key.hash },
      ]);
      expect(calls()).toBe(onError === 'retry' ? 7 : 4);
    }
  });

  it('looks its row up from then on, and supersedes its dead letter with the first full state that goes through', async () => {
    let open = false;
    const apply = (part: LanePart): Promise<Written> =>
      !open && part.changes.some((change) => change.key.id === 'a')
        ? Promise.reject(poison())
        : Promise.resolve({ fresh: true, deadLetters: (part.rejected ?? []).map(() => 'letter a') });
    const t = lane({ apply, policy: { onError: 'dead_letter', maxRetries: 1 }, monotonic: false });
    const mark = new LowWater(at(0));
    const give = async (...changes: Change[]) => {
      t.lane.push(changes, mark.begin(), true, signal);
      await t.lane.idle();
    };
    await give(delta('a', 1));
    await give(delta('a', 2));
    open = true;
    await give(delta('a', 3), delta('b', 3));
    await give(delta('a', 4));
    expect(
      t.parts.map((part) => [
        words(part.changes),
        part.superseded,
        part.rejected?.map(({ deadLetter: letter, attempts, change }) => [letter, attempts, change.op]),
      ]),
    ).toEqual([
      [[], undefined, [[null, 2, 'update']]],
      [[], undefined, [['letter a', 1, 'replace']]],
      [['replace a@3', 'update b@3'], ['letter a'], undefined],
      [['update a@4'], undefined, undefined],
    ]);
  });

  it('remembers rows that were left behind by an earlier leg', async () => {
    const t = lane({ behind: [row('a', 0)], monotonic: false });
    t.lane.push([delta('a', 1), delta('b', 2)], new LowWater(at(0)).begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => [words(part.changes), part.superseded])).toEqual([
      [['replace a@1', 'update b@2'], ['letter a']],
    ]);
  });

  it('leaves the change out of a dead letter that is rejected too', async () => {
    const t = lane({
      apply: (part) =>
        part.changes.length > 0 || part.rejected?.[0]?.kept === true
          ? Promise.reject(poison('too_large'))
          : Promise.resolve({ fresh: true, deadLetters: ['x'] }),
      policy: { onError: 'dead_letter' },
    });
    t.lane.push([row('a', 1)], new LowWater(at(0)).begin(), true, signal);
    await t.lane.idle();
    expect(t.parts.map((part) => part.rejected?.map(({ kept }) => kept))).toEqual([[false]]);
  });

  it('waits after a collision with all that it has, and goes on when it is told', async () => {
    let level = false;
    let reports = 0;
    const t = lane({
      apply: () => (level ? Promise.resolve({ fresh: true }) : Promise.reject(poison('duplicate_key'))),
      collided: () => (reports += 1),
    });
    const mark = new LowWater(at(0));
    t.lane.push(rows(3), mark.begin(), true, signal);
    await t.lane.idle();
    t.lane.push([row('z', 9)], mark.begin(), true, signal);
    await t.lane.idle();
    expect([t.lane.blocked, t.parts.length, reports]).toEqual([true, 0, 1]);
    const { part, whole } = t.lane.drain(Infinity);
    expect([words(part.changes).length, part.position, part.ended.length, whole]).toEqual([4, at(9), 2, true]);
    t.lane.requeue(part);
    level = true;
    await t.lane.retry(false, signal);
    expect([t.lane.blocked, t.parts.map((each) => each.changes.length), t.durable()]).toEqual([false, [4], 4]);
  });
});
