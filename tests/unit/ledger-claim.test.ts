import { ReplicationError } from '../../src/core/model/errors';
import { MemoryProcess } from '../support/connectors/memory/process';
import { MemoryServer } from '../support/connectors/memory/server';
import { at, delta, row } from '../support/changes';
import type { Change } from '../../src/core/model/change';
import type { LaneShare } from '../../src/core/ledger/lanes';
import { advance, begun, done, floor, touched } from '../../src/core/ledger/low-water';

const never = new AbortController().signal;

const share = (
  lane: number,
  expected: number,
  changes: readonly Change[],
  rest: Partial<LaneShare> = {},
): LaneShare => ({
  lane,
  expected,
  part: { type: 'part', changes, mode: 'upsert' },
  position: changes.at(-1)?.position ?? null,
  ...rest,
});

async function failure(promise: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ReplicationError);
  return error as ReplicationError;
}

/** Lets a process wait before its first call of a kind, until it is thawed. */
class Freezer {
  readonly frozen: Promise<void>;
  #freeze: () => void = () => undefined;
  #thaw: () => void = () => undefined;
  readonly #thawed: Promise<void>;

  constructor(private readonly at: (call: string, key: string) => boolean) {
    this.frozen = new Promise((resolve) => (this.#freeze = resolve));
    this.#thawed = new Promise((resolve) => (this.#thaw = resolve));
  }

  readonly interrupt = async (call: string, moment: string, key: string): Promise<void> => {
    if (moment !== 'before' || !this.at(call, key)) return;
    this.#freeze();
    await this.#thawed;
  };

  thaw(): void {
    this.#thaw();
  }
}

describe.each(['step', 'part', 'none'] as const)('the ledger over a writer whose steps are atomic: %s', (atomic) => {
  let server: MemoryServer;
  const process = (): MemoryProcess => new MemoryProcess(server, { atomic });
  const text = (id: string): string | undefined => server.rows('shop.orders').get(id)?.toString('utf8');
  beforeEach(() => (server = new MemoryServer()));

  it('tells a missing ledger from a new one', async () => {
    const { kind, code, remedy } = await failure(process().claim(2, 2, 'existing'));
    expect([kind, code]).toEqual(['needs_attention', 'ledger_missing']);
    expect(remedy).not.toBe('');
    const { lowWater, laneRecords } = await process().claim(2);
    expect([lowWater, laneRecords]).toEqual([
      null,
      [0, 1].map((lane) => ({ lane, position: null, readAheadLimit: null, sequence: 0 })),
    ]);
  });

  it('refuses an epoch that was claimed, and says which one the ledger holds', async () => {
    await process().claim(5);
    for (const epoch of [5, 4])
      expect(await failure(process().claim(epoch))).toMatchObject({ kind: 'fenced', epoch: 5 });
  });

  it('fences earlier claims: lanes, low water and plans', async () => {
    const old = await process().claim(1);
    await old.lanes.commit([share(0, 0, [row('a', 1)])], {}, never);
    let now = 0;
    const slow = await new MemoryProcess(server, { atomic }, { clock: { now: () => now, monotonic: () => now } }).claim(
      2,
    );
    await process().claim(3);
    // Where rows and records are no one step, a slot asks for the epoch when its last answer is older than 5 s.
    now = 5_001;
    const { sequence } = slow.laneRecords[0]!;
    expect((await failure(slow.lanes.commit([share(0, sequence, [row('a', 2)])], {}, never))).kind).toBe('fenced');
    expect((await failure(advance(slow.fenced.root, at(2), never))).kind).toBe('fenced');
    const ranges = new Map([['shop.orders', [{ from: null, to: null, estimatedRows: 1 }]]]);
    expect((await failure(slow.ranges.plan({ ranges, backfill: null }, never))).kind).toBe('fenced');
    expect(text('a')).toBe('a@1');
  });

  it('lets no writer of an earlier epoch change what the claim owns, however lately that epoch was confirmed', async () => {
    const old = await process().claim(1);
    const ranges = new Map([['shop.orders', [{ from: null, to: null, estimatedRows: 1 }]]]);
    const [range] = await old.ranges.plan({ ranges, backfill: 'repair' }, never);
    const next = await process().claim(2);
    const progress = { after: Buffer.from('z'), done: true, rows: 9, bytes: 9 };
    expect((await failure(old.ranges.progressed(range!, progress, never))).kind).toBe('fenced');
    const [same] = next.ranges.records;
    expect(await next.ranges.progressed(same!, { ...progress, done: false, rows: 1 }, never)).toMatchObject({
      rows: 1,
    });
    await next.ranges.copied('shop.orders', at(8), never);
    expect((await process().claim(3)).ranges.records).toMatchObject([{ rows: 1, done: false, overlapEnd: at(8) }]);
  });

  it('knows what a write has left, whose answer was lost, before it writes the same record again', async () => {
    let lost: RegExp | null = null;
    const ledger = await new MemoryProcess(
      server,
      { atomic },
      {
        interrupt: (call, moment, key) => {
          if (moment !== 'after' || lost?.test(`${call} ${key}`) !== true) return;
          lost = null;
          throw new ReplicationError('retry', { code: 'not_reachable', message: 'no answer' });
        },
      },
    ).claim(1);
    const ranges = new Map([['shop.orders', [{ from: null, to: null, estimatedRows: 1 }]]]);
    const [range] = await ledger.ranges.plan({ ranges, backfill: 'repair' }, never);
    const progress = { after: Buffer.from('m'), done: false, rows: 1, bytes: 1 };
    lost = atomic === 'none' ? /^write .*:range:/u : /^commit/u;
    expect((await failure(ledger.ranges.progressed(range!, progress, never))).code).toBe('not_reachable');
    await ledger.ranges.copied('shop.orders', at(2), never);
    expect((await process().claim(2)).ranges.records).toMatchObject([{ rows: 1, overlapEnd: at(2) }]);
  });

  it('plans anew: nothing, for namespaces that are gone', async () => {
    const first = await process().claim(1);
    const range = { from: Buffer.from([0, 1]), to: null, estimatedRows: 1 };
    await first.ranges.plan(
      {
        ranges: new Map([
          ['a.a', [range, range]],
          ['a.b', [range]],
        ]),
        backfill: null,
      },
      never,
    );
    const planned = await first.ranges.plan({ ranges: new Map([['a.a', []]]), backfill: null }, never);
    expect(planned).toMatchObject([{ number: 2, namespace: 'a.b', from: Buffer.from([0, 1]), backfill: null }]);
    const again = await (
      await process().claim(2)
    ).ranges.plan({ ranges: new Map([['a.b', [range]]]), backfill: 'merge' }, never);
    expect(again).toMatchObject([{ number: 3, namespace: 'a.b', backfill: 'merge' }]);
  });

  it('begins anew: what lanes and barriers remember from before no longer counts', async () => {
    const first = await process().claim(1);
    await first.lanes.commit([share(0, 0, [row('a', 1)])], {}, never);
    await begun(first.fenced.root, at(1), ['shop.orders'], never);
    await first.lanes.begin(at(7), never);
    const second = await process().claim(2);
    expect(second.lowWater).toEqual(at(7));
    expect(second.laneRecords.map(({ position }) => position)).toEqual([null, null]);
    expect(second.fenced.root.state.barrier).toBeNull();
  });

  it('knows another number of lanes once it is in force, and where they begin', async () => {
    const first = await process().claim(1);
    await advance(first.fenced.root, at(3), never);
    expect(await first.lanes.layout(3, at(4), never)).toEqual(
      [0, 1, 2].map((lane) => ({ lane, position: at(3), readAheadLimit: at(4), sequence: 0 })),
    );
    const second = await process().claim(2);
    expect(second.laneRecords).toHaveLength(3);
    await second.lanes.commit([share(2, 0, [row('a', 4)])], {}, never);
    // Lanes of the other generation are removed once they are fenced.
    expect(server.keys('stream:s:slot:lane:')).toHaveLength(3);
  });

  it('keeps schema changes as intent, then done: a floor for every lane', async () => {
    const { fenced } = await process().claim(1);
    await begun(fenced.root, at(5), ['shop.orders'], never);
    expect([floor(fenced.root), [...touched(fenced.root)]]).toEqual([null, ['shop.orders']]);
    await done(fenced.root, at(5), never);
    const next = await process().claim(2);
    expect([floor(next.fenced.root), [...touched(next.fenced.root)]]).toEqual([at(5), []]);
  });

  it('keeps positions of any length', async () => {
    const long = { ...at(1), token: 'x'.repeat(100_000) };
    const first = await process().claim(1);
    await first.lanes.commit([share(0, 0, [row('a', 1)], { position: long })], {}, never);
    await advance(first.fenced.root, long, never);
    const second = await process().claim(2);
    expect(second.lowWater).toEqual(long);
    if (atomic !== 'none') expect(second.laneRecords[0]?.position).toEqual(long);
    for (const key of server.keys('')) expect(JSON.stringify(server.record(key)?.value).length).toBeLessThan(4_096);
    await second.lanes.begin(at(2), never);
    await process().claim(3);
    await process().claim(4);
    expect(server.keys('stream:s:own:position:')).toEqual([]);
  });
});

describe('the ledger over atomic steps', () => {
  it('takes a step for written before when it is sent again', async () => {
    const server = new MemoryServer();
    const ledger = await new MemoryProcess(server, { atomic: 'step' }).claim(1);
    server.rows('shop.orders').set('a', Buffer.from(''));
    const sent = share(0, 0, [delta('a', 1)]);
    expect((await ledger.lanes.commit([sent], {}, never)).type).toBe('written');
    expect((await ledger.lanes.commit([sent], {}, never)).type).toBe('before');
    expect(server.rows('shop.orders').get('a')?.toString()).toBe('+1');
  });

  it('writes lanes together: their records move on at once', async () => {
    const server = new MemoryServer();
    const ledger = await new MemoryProcess(server, { atomic: 'step' }).claim(1);
    const shares = [share(1, 0, [row('b', 2)]), share(0, 0, [row('a', 1)])] as const;
    expect((await ledger.lanes.commit(shares, {}, never)).type).toBe('written');
    expect(ledger.laneRecords.map(({ position }) => position)).toEqual([at(1), at(2)]);
    // A part that was written goes into no other step.
    const mixed = [share(1, 0, [row('b', 2)]), share(0, 1, [row('a', 3)])] as const;
    expect((await failure(ledger.lanes.commit(mixed, {}, never))).code).toBe('ledger_behind');
    expect(server.rows('shop.orders').get('a')?.toString()).toBe('a@1');
  });

  it('loads rows with the progress of their range, once', async () => {
    const server = new MemoryServer();
    const ledger = await new MemoryProcess(server, { atomic: 'step' }).claim(1);
    const ranges = new Map([['copy', [{ from: null, to: null, estimatedRows: 1 }]]]);
    const [range] = await ledger.ranges.plan({ ranges, backfill: null }, never);
    const load = (id: string) =>
      ({
        type: 'load',
        namespace: 'copy',
        rows: { rows: [Buffer.from(id)], bytes: 1, last: Buffer.from(id) },
        over: false,
      }) as const;
    const progress = { after: Buffer.from('a'), done: false, rows: 1, bytes: 1 };
    const sent = { loader: 3, range: range!, load: load('a'), progress };
    expect((await ledger.loaders.load(sent, {}, never)).type).toBe('written');
    server.rows('copy').clear();
    expect((await ledger.loaders.load(sent, {}, never)).type).toBe('before');
    expect(server.rows('copy').size).toBe(0);
    expect(ledger.ranges.records).toMatchObject([{ sequence: 1, rows: 1, after: Buffer.from('a') }]);
    // The next claim fences the loader, too.
    const next = await new MemoryProcess(server, { atomic: 'step' }).claim(2);
    expect(next.fenced.root.state.loaders).toBe(4);
    const late = { ...sent, range: ledger.ranges.records[0]!, load: load('b') };
    expect((await failure(ledger.loaders.load(late, {}, never))).kind).toBe('fenced');
    // A range of an earlier plan is none any more.
    await next.ranges.plan({ ranges, backfill: null }, never);
    expect((await failure(next.ranges.progressed(late.range, progress, never))).code).toBe('ledger_behind');
  });

  it('takes no other step for written after one whose outcome is not known', async () => {
    const server = new MemoryServer();
    let lost = false;
    const unanswered = new ReplicationError('retry', { code: 'not_reachable', message: 'a commit was not answered' });
    const ledger = await new MemoryProcess(
      server,
      { atomic: 'step' },
      {
        interrupt: (call, moment) => {
          if (lost && call === 'commit' && moment === 'after') throw unanswered;
        },
      },
    ).claim(1);
    lost = true;
    expect(await failure(ledger.lanes.commit([share(0, 0, [row('a', 1)])], {}, never))).toBe(unanswered);
    lost = false;
    // The lane's record is further on, by the step before: what comes now was not written by it.
    expect(await failure(ledger.lanes.commit([share(0, 0, [row('b', 2)])], {}, never))).toBe(unanswered);
    expect((await ledger.lanes.commit([share(1, 0, [row('b', 2)])], {}, never)).type).toBe('written');
  });

  it('notices a ledger that is not where it left it', async () => {
    const server = new MemoryServer();
    const ledger = await new MemoryProcess(server, { atomic: 'step' }).claim(1);
    const restored = server.record('stream:s:slot:lane:0000000000000000:0')!;
    await ledger.lanes.commit([share(0, 0, [row('a', 1)])], {}, never);
    server.put({ op: 'put', expect: 'any', next: restored });
    const { kind, code } = await failure(ledger.lanes.commit([share(0, 1, [row('a', 2)])], {}, never));
    expect([kind, code]).toEqual(['retry', 'ledger_behind']);
  });

  it('moves the low water by the step that was not answered before any other', async () => {
    const server = new MemoryServer();
    let lost = false;
    const ledger = await new MemoryProcess(
      server,
      { atomic: 'step' },
      {
        interrupt: (call, moment) => {
          if (!lost || call !== 'write' || moment !== 'after') return;
          lost = false;
          throw new ReplicationError('retry', { code: 'not_reachable', message: 'no answer' });
        },
      },
    ).claim(1);
    lost = true;
    expect((await failure(advance(ledger.fenced.root, at(1), never))).code).toBe('not_reachable');
    await advance(ledger.fenced.root, at(2), never);
    expect((await new MemoryProcess(server, { atomic: 'step' }).claim(2)).lowWater).toEqual(at(2));
  });
});

describe('the ledger over keyed writes in order', () => {
  it('lets a leg that thaws write one part at most', async () => {
    const server = new MemoryServer();
    let now = 0;
    const freezer = new Freezer((call) => call === 'row');
    const clock = { now: () => now, monotonic: () => now };
    const options = { clock, interrupt: freezer.interrupt };
    const old = await new MemoryProcess(server, { atomic: 'none' }, options).claim(1);
    const late = old.lanes.commit([share(0, 0, [row('a', 1)])], {}, never);
    await freezer.frozen;
    const next = await new MemoryProcess(server, { atomic: 'none' }).claim(2);
    await next.lanes.commit([share(0, 0, [row('a', 2), row('b', 2)])], {}, never);
    now = 60_000;
    freezer.thaw();
    expect((await late).type).toBe('written');
    expect((await failure(old.lanes.commit([share(0, 1, [row('b', 1)])], {}, never))).kind).toBe('fenced');
    expect([...server.rows('shop.orders').values()].map(String)).toEqual(['a@1', 'b@2']);
  });

  it.each([
    ['reads what a later one has written', true],
    ['has nothing to read', false],
  ])('lets a claim that thaws write nothing: it %s', async (_what, hasRecords) => {
    const server = new MemoryServer();
    if (hasRecords) {
      const { ranges } = await new MemoryProcess(server, { atomic: 'none' }).claim(1);
      const planned = new Map([['a.a', [{ from: null, to: null, estimatedRows: 1 }]]]);
      await ranges.plan({ ranges: planned, backfill: null }, never);
    }
    let now = 0;
    const freezer = new Freezer((call, key) => call === 'scan' && key.endsWith(':own:'));
    const clock = { now: () => now, monotonic: () => now };
    const options = { clock, interrupt: freezer.interrupt };
    const late = new MemoryProcess(server, { atomic: 'none' }, options)
      .claim(2)
      .then((ledger) => ledger.lanes.commit([share(0, 0, [row('a', 1)])], {}, never));
    await freezer.frozen;
    await new MemoryProcess(server, { atomic: 'none' }).claim(3);
    // Shorter than the epoch is good for, where records tell of the later claim all the same.
    now = hasRecords ? 1_000 : 6_000;
    freezer.thaw();
    expect(await failure(late)).toMatchObject({ kind: 'fenced', epoch: 3 });
    expect(server.rows('shop.orders').size).toBe(0);
  });

  it('writes dead letters before the rows, and what the rows make true after them', async () => {
    const server = new MemoryServer();
    const calls: string[] = [];
    const interrupt = (call: string, moment: string, key: string): void => {
      if (moment === 'before' && (call === 'row' || call === 'write')) calls.push(`${call} ${key.split(':').at(-1)}`);
    };
    const ledger = await new MemoryProcess(server, { atomic: 'none' }, { interrupt }).claim(1);
    calls.length = 0;
    const letter = (key: string) =>
      ({ op: 'put', expect: 'any', next: { key, epoch: 1, sequence: 0, generation: 0, value: null } }) as const;
    const records = { before: [letter('l:dead')], after: [letter('l:superseded')] };
    await ledger.lanes.commit([share(0, 0, [row('a', 1)], records)], {}, never);
    await advance(ledger.fenced.root, at(1), never);
    expect(calls).toEqual(['write dead', 'row 0', 'write superseded', 'write root']);
    // Lanes have no records here: the low water alone decides where to resume.
    expect((await new MemoryProcess(server, { atomic: 'none' }).claim(2)).laneRecords[0]?.position).toBeNull();
  });
});
