import { setMaxListeners } from 'node:events';
import { ReplicationError } from '../../src/core/model/errors';
import type { Mark, RecordOp, StateRecord, StateStore } from '../../src/core/ports/state-store';

const never = new AbortController().signal;
setMaxListeners(0, never);

/** A step that is open: its records are written, and it is not committed. */
export interface OpenStep {
  commit(): Promise<'written' | 'stale'>;
}

/** What the suite needs of a store; no two fixtures share records. */
export interface StateStoreFixture extends AsyncDisposable {
  /** Another process's way to the same records. */
  open(): StateStore;
  /** Opens a step on a slot, as `fence` has answered it; null where this store takes no steps. */
  begin: ((slot: StateRecord, epoch: number, ops: readonly RecordOp[]) => Promise<OpenStep>) | null;
  /** The answer to the next fence is lost: it was raised, and has to be asked for again. Answers how to see that it was. */
  loseNextFence(): Promise<() => Promise<void>>;
}

const record = (key: string, rest: Partial<StateRecord> = {}): StateRecord => ({
  key,
  epoch: 1,
  sequence: 0,
  generation: 0,
  value: null,
  ...rest,
});

const absent = (next: StateRecord): RecordOp => ({ op: 'put', expect: 'absent', next });
const put = (expect: Mark, next: StateRecord): RecordOp => ({
  op: 'put',
  expect: { epoch: expect.epoch, sequence: expect.sequence },
  next,
});

async function failure(promise: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ReplicationError);
  return error as ReplicationError;
}

/** What every state store promises. It knows no encoding: records go in and come out as they are. */
export function describeStateStore(name: string, fixture: () => Promise<StateStoreFixture>): void {
  describe(`${name}: the contract of every state store`, () => {
    let t: StateStoreFixture;
    let store: StateStore;
    const get = async (key: string, from = store): Promise<StateRecord | null> => (await from.get([key], never))[0]!;
    const keys = async (prefix: string, after: string | null = null, limit = 100): Promise<string[]> =>
      (await store.scan(prefix, { after, limit }, never)).map(({ key }) => key);
    /** A slot at this epoch. */
    const slot = async (key: string, epoch: number): Promise<StateRecord> => {
      await store.write(absent(record(key, { epoch: 0 })), never);
      return (await store.fence(key, epoch, never))!;
    };

    beforeEach(async () => {
      t = await fixture();
      store = t.open();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await t[Symbol.asyncDispose]();
    });

    describe('records', () => {
      it('come out as they went in, whatever their values hold', async () => {
        const odd = {
          'a.b': [1, -0.5, 1e21, null, true],
          $set: { __proto__x: '' },
          '': 'ü\u0000\ud83d\ude00',
          z: { b: 1, a: 2 },
        };
        const body = Buffer.from([0, 255, 128, 10]);
        const next = record('s:odd', {
          epoch: 3,
          sequence: 9,
          generation: 2 ** 50,
          value: odd,
          native: { x: [1] },
          body,
        });
        expect(await store.write(absent(next), never)).toBe('written');
        const found = await get('s:odd', t.open());
        expect(found).toEqual(next);
        // Order inside a value counts: tokens of positions are compared as text.
        expect(JSON.stringify(found?.value)).toBe(JSON.stringify(odd));
      });

      it('are told in the order of the keys that were asked for, null where there is none', async () => {
        for (const key of ['s:a', 's:c']) await store.write(absent(record(key)), never);
        const found = await store.get(['s:c', 's:b', 's:a', 's:c'], never);
        expect(found.map((each) => each?.key ?? null)).toEqual(['s:c', null, 's:a', 's:c']);
        expect(await store.get([], never)).toEqual([]);
      });

      it('have keys of up to 400 bytes, and values as large as the limits say', async () => {
        const key = `s:${'k'.repeat(398)}`;
        const value = 'v'.repeat(store.limits.valueBytes - 2);
        const body = Buffer.alloc(store.limits.bodyBytes, 7);
        await store.write(absent(record(key, { value, body })), never);
        const found = await get(key);
        expect([found?.value === value, found?.body?.equals(body)]).toEqual([true, true]);
      });

      it('lose what the next one does not hand on, native parts and bodies too', async () => {
        const first = record('s:a', { native: { session: 1 }, body: Buffer.from('b') });
        await store.write(absent(first), never);
        const kept = { ...first, sequence: 1 };
        await store.write(put(first, kept), never);
        expect(await get('s:a')).toEqual(kept);
        const bare = record('s:a', { sequence: 2 });
        await store.write(put(kept, bare), never);
        expect(await get('s:a')).toEqual(bare);
      });
    });

    describe('a scan', () => {
      it('goes by pages in byte order, knows where a prefix ends, and has no bodies', async () => {
        const names = ['s:b', 's:B', 's:a:1', 's:a.1', 's:a-1', 's:a_1', 's:a', 's:10', 's:9'];
        for (const key of [...names, 's', 't:a', 'S:a'])
          await store.write(absent(record(key, { value: key, body: Buffer.from('large') })), never);
        const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await keys('s:')).toEqual(sorted);
        expect(await keys('s:a')).toEqual(sorted.filter((key) => key.startsWith('s:a')));
        expect(await keys('s:', sorted[2], 3)).toEqual(sorted.slice(3, 6));
        expect(await keys('s:', sorted.at(-1))).toEqual([]);
        const [first] = await store.scan('s:', { after: null, limit: 1 }, never);
        expect([first?.value, first && 'body' in first]).toEqual([sorted[0], false]);
      });
    });

    describe('a write', () => {
      it('makes a record only where there is none', async () => {
        expect(await store.write(absent(record('s:a', { value: 1 })), never)).toBe('written');
        expect(await store.write(absent(record('s:a', { value: 2 })), never)).toBe('stale');
        expect((await get('s:a'))?.value).toBe(1);
      });

      it.each([
        { epoch: 2, sequence: 5 },
        { epoch: 1, sequence: 4 },
        { epoch: 1, sequence: 6 },
      ])('changes and removes nothing where the record is not at $epoch/$sequence', async (mark) => {
        const held = record('s:a', { epoch: 1, sequence: 5, value: 'held' });
        await store.write(absent(held), never);
        expect(await store.write(put(mark, record('s:a', { epoch: 9 })), never)).toBe('stale');
        expect(await store.write({ op: 'remove', key: 's:a', expect: mark }, never)).toBe('stale');
        expect(await get('s:a')).toEqual(held);
      });

      it('is stale where there is no record any more; to remove it once more succeeds', async () => {
        const held = record('s:a');
        await store.write(absent(held), never);
        const gone = { op: 'remove', key: 's:a', expect: { epoch: 1, sequence: 0 } } as const;
        expect(await store.write(gone, never)).toBe('written');
        expect(await get('s:a')).toBeNull();
        expect(await store.write(gone, never)).toBe('written');
        expect(await store.write(put(held, { ...held, sequence: 1 }), never)).toBe('stale');
        expect(await get('s:a')).toBeNull();
      });

      it('is the only one of many that expect the same', async () => {
        await store.write(absent(record('s:a')), never);
        const writers = Array.from({ length: 8 }, () => t.open());
        const outcomes = await Promise.all(
          writers.map((each, at) => each.write(put(record('s:a'), record('s:a', { sequence: 1, value: at })), never)),
        );
        expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
        expect((await get('s:a'))?.value).toBe(outcomes.indexOf('written'));
      });

      it('is seen by every read that begins after its answer', async () => {
        const reader = t.open();
        await store.write(absent(record('s:a')), never);
        for (let sequence = 1; sequence < 20; sequence++) {
          await store.write(put(record('s:a', { sequence: sequence - 1 }), record('s:a', { sequence })), never);
          expect((await get('s:a', reader))?.sequence).toBe(sequence);
        }
      });

      it('takes `any` only inside a step', async () => {
        await expect(store.write({ op: 'remove', key: 's:a', expect: 'any' }, never)).rejects.toThrow();
      });
    });

    describe('a request', () => {
      it('is added once, by whomever, and never changes what is there', async () => {
        const others = [t.open(), t.open(), t.open()];
        await Promise.all(others.map((each) => each.request(record('s:request:1', { value: 'mine' }), never)));
        await store.request(record('s:request:1', { epoch: 7, value: 'other' }), never);
        expect(await get('s:request:1')).toEqual(record('s:request:1', { value: 'mine' }));
        expect(await keys('s:request:')).toEqual(['s:request:1']);
      });

      it('may be added for a stream whose slots are fenced, and is removed by its mark', async () => {
        await slot('s:slot', 4);
        await store.request(record('s:request:1', { epoch: 0 }), never);
        const done = { op: 'remove', key: 's:request:1', expect: { epoch: 0, sequence: 0 } } as const;
        expect(await store.write(done, never)).toBe('written');
      });
    });

    describe('a fence', () => {
      it('raises the record, keeps what it says, and answers with it', async () => {
        await store.write(absent(record('s:slot', { epoch: 2, sequence: 7, generation: 3, value: { a: 1 } })), never);
        const raised = await store.fence('s:slot', 5, never);
        expect(raised).toMatchObject({ key: 's:slot', epoch: 5, sequence: 7, generation: 3, value: { a: 1 } });
        expect(await get('s:slot')).toEqual(raised);
      });

      it('finds no slot where there is no record, and makes none', async () => {
        expect(await store.fence('s:slot', 5, never)).toBeNull();
        expect(await get('s:slot')).toBeNull();
      });

      it('refuses an epoch that is not above the record, and says which one that holds', async () => {
        await slot('s:slot', 5);
        for (const epoch of [5, 4])
          expect(await failure(t.open().fence('s:slot', epoch, never))).toMatchObject({ kind: 'fenced', epoch: 5 });
        expect((await store.fence('s:slot', 6, never))?.epoch).toBe(6);
      });

      it('lets one of many have an epoch', async () => {
        await store.write(absent(record('s:slot', { epoch: 0 })), never);
        const outcomes = await Promise.allSettled([1, 2, 3].map(() => t.open().fence('s:slot', 1, never)));
        expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });

      it('makes stale what expects the record of an earlier epoch', async () => {
        const old = await slot('s:slot', 1);
        await store.fence('s:slot', 2, never);
        expect(await store.write(put(old, { ...old, sequence: 1 }), never)).toBe('stale');
      });

      it('knows its own answer that was lost', async () => {
        await store.write(absent(record('s:slot', { epoch: 0 })), never);
        const wasLost = await t.loseNextFence();
        expect((await store.fence('s:slot', 3, never))?.epoch).toBe(3);
        await wasLost();
      });

      it('keeps the native part of a slot through writes that hand it on', async () => {
        const first = await slot('s:slot', 1);
        const next = { ...first, sequence: 1, value: 'moved' };
        expect(await store.write(put(first, next), never)).toBe('written');
        const { epoch, native } = (await get('s:slot'))!;
        expect({ epoch, native }).toEqual({ epoch: 1, native: first.native });
      });
    });

    describe('a step', () => {
      const begin = (of: StateRecord, epoch: number, ops: readonly RecordOp[]): Promise<OpenStep> =>
        t.begin!(of, epoch, ops);
      const moved = (of: StateRecord, value: string): RecordOp => put(of, { ...of, sequence: of.sequence + 1, value });

      it('writes its records at once, or none of them', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        await store.write(absent(record('s:old')), never);
        const others: RecordOp[] = [
          { op: 'put', expect: 'any', next: record('s:old', { sequence: 1, value: 'new' }) },
          { op: 'put', expect: 'any', next: record('s:made') },
          absent(record('s:first')),
        ];
        expect(await (await begin(lane, 1, [moved(lane, 'one'), ...others])).commit()).toBe('written');
        expect(await keys('s:')).toEqual(['s:first', 's:made', 's:old', 's:slot']);
        const now = (await get('s:slot'))!;
        const again = await begin(now, 1, [moved(now, 'two'), absent(record('s:first', { value: 'second' }))]).then(
          (step) => step.commit(),
        );
        expect(again).toBe('stale');
        expect((await get('s:slot'))?.value).toBe('one');
      });

      it('is stale when it is sent again: its fencing record is further on, and nothing is written twice', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        const appended = (value: string): RecordOp => ({
          op: 'put',
          expect: 'any',
          next: record('s:other', { value }),
        });
        expect(await (await begin(lane, 1, [moved(lane, 'one'), appended('first')])).commit()).toBe('written');
        expect(await (await begin(lane, 1, [moved(lane, 'one'), appended('second')])).commit()).toBe('stale');
        expect([(await get('s:slot'))?.sequence, (await get('s:other'))?.value]).toEqual([1, 'first']);
      });

      it('removes records by their marks', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        await store.write(absent(record('s:a')), never);
        const wrong = { op: 'remove', key: 's:a', expect: { epoch: 1, sequence: 3 } } as const;
        expect(await (await begin(lane, 1, [moved(lane, 'one'), wrong])).commit()).toBe('stale');
        const right = { op: 'remove', key: 's:a', expect: { epoch: 1, sequence: 0 } } as const;
        expect(await (await begin(lane, 1, [moved(lane, 'one'), right])).commit()).toBe('written');
        expect(await keys('s:')).toEqual(['s:slot']);
      });

      it('of an old writer that is open cannot commit once a fence has resolved, and holds nothing up', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        const open = await begin(lane, 1, [moved(lane, 'old'), absent(record('s:row'))]);
        const raised = (await t.open().fence('s:slot', 2, never))!;
        // What the old one has locked is free: the new one writes the same records.
        const mine = await begin(raised, 2, [moved(raised, 'new'), absent(record('s:row', { value: 'new' }))]);
        expect(await mine.commit()).toBe('written');
        expect(await open.commit()).toBe('stale');
        expect([(await get('s:slot'))?.value, (await get('s:row'))?.value]).toEqual(['new', 'new']);
      });

      it('of an old writer that begins after a fence has resolved cannot commit either', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        await store.fence('s:slot', 2, never);
        const late = await begin(lane, 1, [moved(lane, 'old'), absent(record('s:row'))]);
        expect(await late.commit()).toBe('stale');
        expect([(await get('s:slot'))?.value, await get('s:row')]).toEqual([null, null]);
      });

      it('that committed in time counts for the fence that follows', async () => {
        if (t.begin === null) return;
        const lane = await slot('s:slot', 1);
        const open = await begin(lane, 1, [moved(lane, 'in time')]);
        expect(await open.commit()).toBe('written');
        expect(await store.fence('s:slot', 2, never)).toMatchObject({ sequence: 1, value: 'in time' });
      });

      it('on one slot is no matter of a fence on another', async () => {
        if (t.begin === null) return;
        const [one, two] = [await slot('s:slot1', 1), await slot('s:slot2', 1)];
        const open = await begin(one, 1, [moved(one, 'mine')]);
        await store.fence(two.key, 2, never);
        expect(await open.commit()).toBe('written');
      });
    });
  });
}
