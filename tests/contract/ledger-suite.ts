import { setMaxListeners } from 'node:events';
import { ClaimedLedger } from '../../src/core/ledger/ledger';
import type { LaneShare } from '../../src/core/ledger/lanes';
import { advance, begun, done, floor } from '../../src/core/ledger/low-water';
import { NamespaceRecords } from '../../src/core/ledger/namespaces';
import { own, owners } from '../../src/core/ledger/owners';
import { forget } from '../../src/core/ledger/forget';
import { ReplicationError } from '../../src/core/model/errors';
import type { StateStore } from '../../src/core/ports/state-store';
import type { Writer } from '../../src/core/ports/writer';
import { systemClock } from '../../src/host/clock';
import { at, row } from '../support/changes';

const never = new AbortController().signal;
setMaxListeners(0, never);

export interface LedgerFixture extends AsyncDisposable {
  /** Another process's way to the same store, and a writer of atomic steps. */
  open(): { readonly store: StateStore; readonly writer: Writer };
  /** The rows of a namespace, by the text of their keys. */
  rows(namespace: string): Promise<ReadonlyMap<string, string>>;
}

const RANGE = { from: null, to: Buffer.from('m'), estimatedRows: 1 };

async function failure(promise: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ReplicationError);
  return error as ReplicationError;
}

/** The ledger over a state store and a writer whose steps span rows and records. */
export function describeLedger(name: string, fixture: () => Promise<LedgerFixture>): void {
  describe(`${name}: the ledger`, () => {
    let t: LedgerFixture;
    const opened: ClaimedLedger[] = [];
    const claim = async (epoch: number, lanes = 2): Promise<ClaimedLedger> => {
      const { store, writer } = t.open();
      const options = { store, writer, stream: 's', epoch, lanes, expect: 'any', clock: systemClock } as const;
      const ledger = await ClaimedLedger.claim(options, never);
      opened.push(ledger);
      return ledger;
    };
    const share = (lane: number, expected: number, id: string, token: number): LaneShare => ({
      lane,
      expected,
      part: { type: 'part', changes: [row(id, token)], mode: 'upsert' },
      position: at(token),
    });
    const commit = (ledger: ClaimedLedger, ...shares: [LaneShare, ...LaneShare[]]): Promise<string> =>
      ledger.lanes.commit(shares, {}, never).then(({ type }) => type);

    beforeEach(async () => (t = await fixture()));
    afterEach(async () => {
      for (const ledger of opened.splice(0)) await ledger[Symbol.asyncDispose]();
      await t[Symbol.asyncDispose]();
    });

    it('remembers what lanes have written with their rows, alone and together', async () => {
      const first = await claim(1);
      expect(await commit(first, share(0, 0, 'a', 1))).toBe('written');
      expect(await commit(first, share(1, 0, 'b', 2), share(0, 1, 'c', 3))).toBe('written');
      expect(await commit(first, share(1, 0, 'b', 2))).toBe('before');
      await advance(first.fenced.root, at(3), never);
      const second = await claim(2);
      expect(second.lowWater).toEqual(at(3));
      expect(second.laneRecords).toMatchObject([
        { sequence: 2, position: at(3) },
        { sequence: 1, position: at(2) },
      ]);
      expect(await t.rows('shop.orders')).toEqual(
        new Map([
          ['a', 'a@1'],
          ['b', 'b@2'],
          ['c', 'c@3'],
        ]),
      );
    });

    it('writes nothing for a claim that another one has fenced', async () => {
      const old = await claim(1);
      await old.ranges.plan({ ranges: new Map([['shop.orders', [RANGE]]]), backfill: 'repair' }, never);
      const [range] = old.ranges.records;
      await claim(2);
      const late = [
        commit(old, share(0, 0, 'a', 1)),
        advance(old.fenced.root, at(1), never),
        old.ranges.progressed(range!, { after: null, done: true, rows: 1, bytes: 1 }, never),
        new NamespaceRecords(old.fenced).change(new Map([['a.b', { target: 'x.y' }]]), never),
        old.lanes.layout(5, null, never),
      ];
      for (const each of late) expect(await failure(each)).toMatchObject({ kind: 'fenced', epoch: 2 });
      expect((await t.rows('shop.orders')).size).toBe(0);
      const next = await claim(3);
      expect([next.lowWater, next.laneRecords.length, new NamespaceRecords(next.fenced).all]).toEqual([null, 2, []]);
      expect(next.ranges.records).toMatchObject([{ done: false, rows: 0 }]);
    });

    it('lets one of many claims have an epoch', async () => {
      const outcomes = await Promise.allSettled([1, 2, 3].map(() => claim(1)));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('begins lanes of another number, and anew', async () => {
      const first = await claim(1);
      await commit(first, share(0, 0, 'a', 1));
      await advance(first.fenced.root, at(4), never);
      await first.lanes.layout(3, at(9), never);
      expect(await commit(first, share(2, 0, 'b', 5))).toBe('written');
      const second = await claim(2);
      expect(second.laneRecords).toMatchObject([
        { position: at(4), readAheadLimit: at(9) },
        { position: at(4), readAheadLimit: at(9) },
        { position: at(5), sequence: 1 },
      ]);
      await second.lanes.begin(at(7), never);
      const third = await claim(3);
      expect([third.lowWater, third.laneRecords.map(({ position }) => position)]).toEqual([at(7), [null, null, null]]);
    });

    it('plans many namespaces at once, and follows the copy of each', async () => {
      const first = await claim(1);
      const names = Array.from({ length: 250 }, (_, n) => `a.c${n}`);
      await first.ranges.plan({ ranges: new Map(names.map((each) => [each, [RANGE]])), backfill: null }, never);
      const planned = await first.ranges.plan(
        { ranges: new Map([['a.c0', [RANGE, RANGE]]]), backfill: 'merge' },
        never,
      );
      expect(planned).toHaveLength(251);
      const range = planned.at(-1)!;
      const rows = { rows: [Buffer.from('k')], bytes: 1, last: Buffer.from('k') };
      const load = { type: 'load', namespace: 'a.c0', rows, over: false } as const;
      const progress = { after: Buffer.from('k'), done: true, rows: 1, bytes: 1 };
      expect((await first.loaders.load({ loader: 0, range, load, progress }, {}, never)).type).toBe('written');
      const second = await claim(2);
      expect(second.ranges.records.at(-1)).toMatchObject({ namespace: 'a.c0', ...progress, sequence: 1 });
      expect(second.ranges.records).toHaveLength(251);
      expect(await t.rows('a.c0')).toEqual(new Map([['k', 'k']]));
    });

    it('keeps long positions, barriers, namespaces and owners', async () => {
      const long = { ...at(1), token: 'x'.repeat(1_000_000) };
      const first = await claim(1);
      await advance(first.fenced.root, long, never);
      await begun(first.fenced.root, at(2), ['a.b'], never);
      await done(first.fenced.root, at(2), never);
      const native = { options: 'AA==', 'odd.$name': [1] };
      await new NamespaceRecords(first.fenced).change(new Map([['a.b', { target: 'x.y', native }]]), never);
      await own(first.fenced.context, ['x.y'], { shared: false }, never);
      const second = await claim(2);
      expect([second.lowWater, floor(second.fenced.root)]).toEqual([long, at(2)]);
      expect(new NamespaceRecords(second.fenced).native('a.b')).toEqual(native);
      expect((await owners(second.fenced.context.store, new Set(['x.y']), never)).get('x.y')).toBe('s');
    });

    it('is forgotten with all that it holds, but for its epoch', async () => {
      const first = await claim(1);
      await commit(first, share(0, 0, 'a', 1));
      await own(first.fenced.context, ['x.y'], { shared: false }, never);
      const { store, writer } = t.open();
      await forget({ store, writer, stream: 's', removal: 'r', clock: systemClock }, never);
      expect((await store.scan('', { after: null, limit: 10 }, never)).map(({ key }) => key)).toEqual([
        'stream:s:root',
      ]);
      expect((await failure(commit(first, share(0, 1, 'a', 2)))).kind).toBe('fenced');
      const { epoch = 0 } = await failure(claim(2));
      expect((await claim(epoch + 1)).laneRecords).toMatchObject([{ sequence: 0 }, { sequence: 0 }]);
    });
  });
}
