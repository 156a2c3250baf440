import { DeadLetterReader, DeadLetters } from '../../src/core/ledger/dead-letters/dead-letters';
import { forget, kept } from '../../src/core/ledger/forget';
import type { ClaimedLedger } from '../../src/core/ledger/ledger';
import { NamespaceRecords } from '../../src/core/ledger/namespaces';
import { own, owners, release } from '../../src/core/ledger/owners';
import { askRepairs, askToDrop, carriedOut, openRepairs, repairsLeft } from '../../src/core/ledger/requests';
import { VerificationRecords } from '../../src/core/ledger/verification/verification';
import type { Change, Key } from '../../src/core/model/change';
import { ReplicationError } from '../../src/core/model/errors';
import type { RejectedChange } from '../../src/core/ports/destination';
import type { Difference } from '../../src/core/ports/verification';
import { row } from '../support/changes';
import { MemoryProcess } from '../support/connectors/memory/process';
import { MemoryServer } from '../support/connectors/memory/server';

const never = new AbortController().signal;
const keyOf = (bytes: Buffer): Key => ({ id: bytes.toString('latin1'), hash: 1, bytes });
const key = (id: string): Key => keyOf(Buffer.from(id));

async function failure(promise: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ReplicationError);
  return error as ReplicationError;
}

describe.each(['step', 'none'] as const)('records of the ledger where steps are atomic: %s', (atomic) => {
  let server: MemoryServer;
  let now: number;
  const process = (stream = 's'): MemoryProcess =>
    new MemoryProcess(server, { atomic }, { stream, clock: { now: () => now, monotonic: () => now } });
  const claim = (epoch: number, stream = 's'): Promise<ClaimedLedger> => process(stream).claim(epoch);
  beforeEach(() => {
    server = new MemoryServer();
    now = Date.UTC(2026, 10, 28);
  });

  it('keep what is known of namespaces, and the native part that a change leaves out', async () => {
    const first = new NamespaceRecords((await claim(1)).fenced);
    const native = { options: 'AA==', held: ['AQ=='], capping: true };
    await first.change(new Map([['a.b', { target: 'x.y', identity: 'uuid', made: true, native }]]), never);
    await first.park([{ namespace: 'a.b', code: 'c', message: 'm', remedy: 'r', at: 't' }], never);
    await first.park([{ namespace: 'a.unknown', code: 'c', message: 'm', remedy: 'r', at: 't' }], never);
    await first.keepDerived({ source: 'a.v', target: 'x.v' }, { asked: 'view' }, never);
    const second = new NamespaceRecords((await claim(2)).fenced);
    expect(second.parked).toEqual([{ namespace: 'a.b', code: 'c', message: 'm', remedy: 'r', at: 't' }]);
    expect(second.native('a.b')).toEqual(native);
    expect(second.derived).toEqual([{ source: 'a.v', target: 'x.v', native: { asked: 'view' } }]);
    await second.unfollow(['a.b'], never);
    expect([second.parked, second.unfollowed, second.all.length]).toEqual([[], ['a.b'], 1]);
    await second.forget(['a.b'], never);
    await second.dropDerived('a.v', never);
    const third = new NamespaceRecords((await claim(3)).fenced);
    expect([third.all, third.derived]).toEqual([[], []]);
  });

  it('let one stream own a target: the first that asks, until it is released', async () => {
    const one = (await claim(1, 'one')).fenced.context;
    const two = (await claim(1, 'two')).fenced.context;
    await own(one, ['x.a', 'x.b'], { shared: false }, never);
    const refused = await failure(own(two, ['x.c', 'x.b'], { shared: false }, never));
    expect(refused).toMatchObject({ kind: 'needs_attention', code: 'target_owned', namespace: 'x.b' });
    expect([refused.message, refused.remedy]).toEqual([expect.stringContaining('one'), expect.stringContaining('one')]);
    await own(two, ['x.b'], { shared: true }, never);
    expect(await owners(two.store, new Set(['x.b', 'x.c', 'x.d']), never)).toEqual(
      new Map([
        ['x.b', 'one'],
        ['x.c', 'two'],
      ]),
    );
    // No stream releases the target of another.
    await release(two, ['x.b'], never);
    await release(one, ['x.b'], never);
    await own(two, ['x.b'], { shared: false }, never);
    expect((await owners(two.store, new Set(['x.b']), never)).get('x.b')).toBe('two');
  });

  it('keep requests until all of their askings are carried out', async () => {
    const { store } = process();
    const asks = [{ namespace: 'a.b', key: key('row'), reason: 'verify' as const }];
    expect((await failure(askRepairs({ store, stream: 's', nonce: '1' }, asks, never))).code).toBe('ledger_missing');
    const { fenced } = await claim(1);
    const others = [{ namespace: 'a.b', key: key('other'), reason: 'replay' as const }];
    for (const nonce of ['1', '1', '2']) await askRepairs({ store, stream: 's', nonce }, asks, never);
    await askRepairs({ store, stream: 's', nonce: '1' }, others, never);
    expect(await repairsLeft(store, 's', never)).toBe(2);
    const open = await openRepairs(fenced, 10, never);
    expect(open.map((each) => [each.namespace, each.key.toString(), each.reason]).sort()).toEqual([
      ['a.b', 'other', 'replay'],
      ['a.b', 'row', 'verify'],
    ]);
    expect(await openRepairs(fenced, 1, never)).toHaveLength(1);
    // Asked for again while it is worked on: that asking stays.
    await askRepairs({ store, stream: 's', nonce: '3' }, asks, never);
    await carriedOut(
      fenced,
      open.map(({ id }) => id),
      never,
    );
    const [left, ...more] = await openRepairs(fenced, 10, never);
    expect([left?.key.toString(), more]).toEqual(['row', []]);
  });

  describe('dead letters', () => {
    const change = (change: Change, rest: Partial<RejectedChange> = {}): RejectedChange => ({
      change,
      code: 'refused',
      message: 'no',
      attempts: 2,
      deadLetter: null,
      kept: true,
      ...rest,
    });
    const at = (name: string): string => `to.${name}`;

    /** Written in a step of a lane that passes the changes. */
    async function pass(ledger: ClaimedLedger, rejected: readonly RejectedChange[]): Promise<readonly string[]> {
      const { deadLetters, ops } = await new DeadLetters(ledger.fenced, at).passed(rejected, never);
      const { sequence } = ledger.laneRecords[0]!;
      const part = { type: 'part', changes: [], mode: 'new' } as const;
      await ledger.lanes.commit([{ lane: 0, expected: sequence, part, position: null, before: ops }], {}, never);
      return deadLetters;
    }

    it('are kept with what was rejected first and last', async () => {
      const ledger = await claim(1);
      const [id] = await pass(ledger, [change(row('k', 5))]);
      now += 1_000;
      expect(await pass(ledger, [change(row('k', 9), { deadLetter: id!, code: 'other' })])).toEqual([id]);
      const reader = new DeadLetterReader(process().store, 's', keyOf);
      expect(await reader.one(id!, never)).toEqual({
        id,
        stream: 's',
        namespace: 'shop.orders',
        target: 'to.shop.orders',
        keyHash: row('k', 5).key.hash,
        op: 'replace',
        code: 'other',
        message: 'no',
        attempts: 4,
        position: row('k', 5).position,
        sourceTime: new Date(9),
        firstAt: new Date(now - 1_000),
        lastAt: new Date(now),
        state: 'open',
        kept: true,
        key: Buffer.from('k'),
        row: Buffer.from('k@9'),
        delta: null,
      });
      expect(await reader.behind(10, never)).toEqual([
        { deadLetter: id, namespace: 'shop.orders', key: keyOf(Buffer.from('k')) },
      ]);
    });

    it('lose the row where it is not to be kept, or larger than a body', async () => {
      const ledger = await claim(1);
      const large = { ...row('large', 1), row: Buffer.alloc(17 * 1024 * 1024) };
      const ids = await pass(ledger, [change(row('k', 1), { kept: false }), change(large)]);
      const reader = new DeadLetterReader(process().store, 's', keyOf);
      for (const id of ids) expect(await reader.one(id, never)).toMatchObject({ row: null, kept: false });
    });

    it('are superseded by full states, by copies of their namespaces, and dropped on request', async () => {
      const ledger = await claim(1);
      const deadLetters = new DeadLetters(ledger.fenced, at);
      const [one, two, three] = await pass(
        ledger,
        [1, 2, 3].map((n) => change(row(`k${n}`, n))),
      );
      const after = await deadLetters.superseded([one!, 'unknown'], never);
      const { sequence } = ledger.laneRecords[0]!;
      const part = { type: 'part', changes: [row('k1', 9)], mode: 'new' } as const;
      await ledger.lanes.commit([{ lane: 0, expected: sequence, part, position: null, after }], {}, never);
      const { store } = process();
      await askToDrop({ store, stream: 's', nonce: '1' }, [one!, two!, 'unknown'], never);
      expect(await deadLetters.drop(never)).toBe(1);
      await deadLetters.rename('shop.orders', { namespace: 'shop.old', target: 'to.old' }, never);
      const reader = new DeadLetterReader(store, 's', keyOf);
      const states = async (): Promise<unknown> =>
        (await reader.list({ stream: 's' }, 10, never)).map(({ id, state, namespace }) => [id, state, namespace]);
      const sorted = (list: readonly unknown[][]): unknown[][] =>
        [...list].sort((a, b) => (String(a) < String(b) ? -1 : 1));
      expect(await states()).toEqual(
        sorted([
          [one, 'superseded', 'shop.orders'],
          [two, 'dropped', 'shop.old'],
          [three, 'open', 'shop.old'],
        ]),
      );
      await deadLetters.supersede(['shop.old'], never);
      expect(
        (await reader.list({ stream: 's', state: 'superseded' }, 10, never)).map(({ row: kept }) => kept?.length),
      ).toEqual([4, 4, 4]);
      expect(await reader.list({ stream: 's', state: 'superseded' }, 2, never)).toHaveLength(2);
    });
  });

  describe('a verification', () => {
    const range = { from: null, to: Buffer.from('m'), estimatedRows: 3 };
    const difference = (id: string, rest: Partial<Difference> = {}): Difference => ({
      namespace: 'a.b',
      key: key(id),
      kind: 'missing',
      state: 'suspect',
      bytes: 7,
      rounds: 0,
      ...rest,
    });
    const open = (run: string): VerificationRecords =>
      new VerificationRecords({ store: process().store, stream: 's', run, clock: { now: () => now }, keyOf });

    it('keeps its plan, its progress and what it has found, each once', async () => {
      const run = open('run 1');
      await run.plan(new Map([['a.b', [range, range]]]), [], never);
      await run.plan(new Map([['a.c', [range]]]), [], never);
      const [first, second] = await run.openRanges(never);
      expect([first?.namespace, first?.to, second?.number]).toEqual(['a.b', Buffer.from('m'), 1]);
      await run.note([difference('x'), difference('y')], never);
      await run.note([difference('x', { rounds: 3 })], never);
      const moved = { ...first!, after: Buffer.from('c'), done: true, sourceRows: 5, destinationRows: 4 };
      await run.advance(first!, moved, never);
      // Another activity that has the same range notices.
      expect((await failure(open('run 1').advance(first!, moved, never))).kind).toBe('fenced');
      expect(await open('run 1').findings(never)).toMatchObject({
        ranges: 2,
        rangesDone: 1,
        suspects: 2,
        sourceRows: 5,
      });
      expect(await run.rowsOf(5, never)).toEqual([
        { namespace: 'a.b', sourceRows: 5, destinationRows: 4, done: false },
      ]);
    });

    it('settles differences, page by page', async () => {
      const run = open('run 1');
      await run.plan(new Map(), [], never);
      const ids = ['a', 'b', 'c', 'd', 'e'];
      await run.note(
        ids.map((id) => difference(id)),
        never,
      );
      const page = await run.differences({ state: 'suspect' }, { limit: 3, after: null }, never);
      const rest = await run.differences({ state: 'suspect' }, { limit: 3, after: page.last }, never);
      expect([...page.list, ...rest.list].map((each) => each.key.id).sort()).toEqual(ids);
      const [one, two] = page.list;
      await run.resolve(
        [
          { difference: { ...one!, rounds: 1 }, outcome: 'damaged', kind: 'different' },
          { difference: two!, outcome: 'cleared', kind: 'missing' },
        ],
        never,
      );
      expect(await run.findings(never)).toMatchObject({ suspects: 3, damaged: { different: 1 } });
      expect(await run.differences({ state: 'damaged', below: 1 }, { limit: 3, after: null }, never)).toEqual({
        list: [],
        last: null,
      });
      await run.reopen(never);
      expect([await run.listed(never), (await run.findings(never)).suspects]).toEqual([4, 4]);
    });

    it('forgets all but the last runs', async () => {
      for (let n = 1; n <= 7; n++) {
        now += 1_000;
        const run = open(`run ${n}`);
        await run.plan(new Map([['a.b', [range]]]), [], never);
        await run.conclude('same', never);
      }
      expect((await open('run 2').openRanges(never)).length).toBe(0);
      expect((await open('run 3').openRanges(never)).length).toBe(1);
    });
  });

  describe('to forget a stream', () => {
    const forgetting = (stream = 's', removal = 'r'): Promise<void> => {
      const { store, writer } = process();
      return forget({ store, writer, stream, removal, clock: { now: () => now, monotonic: () => now } }, never);
    };

    it('removes all that is kept of it, and leaves its targets to others', async () => {
      const { fenced, ranges } = await claim(1);
      await claim(1, 's-2');
      await new NamespaceRecords(fenced).change(
        new Map([['a.b', { target: 'x.y', identity: 'uuid', native: { held: 2 } }]]),
        never,
      );
      await own(fenced.context, ['x.y'], { shared: false }, never);
      await ranges.plan(
        { ranges: new Map([['a.b', [{ from: null, to: null, estimatedRows: 1 }]]]), backfill: null },
        never,
      );
      const held = (native: unknown): number => (Object(native) as { held?: number }).held ?? 0;
      const count = () => kept(process().store, 's', held, never);
      expect(await count()).toMatchObject({ records: { ranges: 1, namespaces: 1 }, targets: ['x.y'], heldIndexes: 2 });
      await forgetting();
      expect(await count()).toEqual({
        records: {
          ledger: 0,
          ranges: 0,
          namespaces: 0,
          owners: 0,
          derived: 0,
          repairs: 0,
          deadLetters: 0,
          verification: 0,
        },
        targets: [],
        heldIndexes: 0,
      });
      expect(server.keys('stream:s:')).toEqual(['stream:s:root']);
      expect(server.keys('owner:')).toEqual([]);
      expect(server.keys('stream:s-2:').length).toBeGreaterThan(1);
    });

    it('leaves an epoch above which a new stream begins, and no writer of the old one', async () => {
      const old = await claim(4);
      await forgetting();
      await forgetting();
      const share = {
        lane: 0,
        expected: 0,
        part: { type: 'part', changes: [row('k', 1)], mode: 'new' },
        position: null,
      } as const;
      now += 6_000;
      expect((await failure(old.lanes.commit([share], {}, never))).kind).toBe('fenced');
      const refused = await failure(claim(5));
      expect(refused.kind).toBe('fenced');
      expect((await failure(process().claim(refused.epoch! + 1, 2, 'existing'))).code).toBe('ledger_missing');
      expect((await claim(refused.epoch! + 1)).lowWater).toBeNull();
    });

    it('goes on where it was cut short, and lets no stream begin meanwhile', async () => {
      await claim(1);
      const cut = new MemoryProcess(
        server,
        { atomic },
        {
          interrupt: (call, moment, name) => {
            if (call === 'write' && moment === 'before' && name.includes(':slot:')) throw new Error('cut short');
          },
        },
      );
      const options = { store: cut.store, writer: cut.writer, stream: 's', removal: 'first' };
      const clock = { now: () => now, monotonic: () => now };
      await expect(forget({ ...options, clock }, never)).rejects.toThrow('cut short');
      expect((await failure(claim(5_000))).code).toBe('being_forgotten');
      await forgetting('s', 'second');
      expect(server.keys('stream:s:')).toEqual(['stream:s:root']);
    });

    it('does nothing where there is no stream', async () => {
      await forgetting('unknown');
      expect(server.keys('')).toEqual([]);
    });
  });
});
