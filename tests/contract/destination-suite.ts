import { BSON } from 'mongodb';
import type { Claim, Destination } from '../../src/core/ports/destination';
import { ReplicationError } from '../../src/core/model/errors';
import type { Namespace } from '../../src/core/model/namespace';
import { at, insert, never, part, remove, replace, sourceNamespace, update } from './destination-changes';

/** What the suite needs of a destination on a real server. */
export interface DestinationFixture extends AsyncDisposable {
  /** Another worker's view of the same destination. */
  open(): Promise<Destination>;
  /** A namespace that no other test uses. */
  readonly namespace: Namespace;
  /** A stream id that no other test uses. */
  readonly stream: string;
  /** The rows of a target, decoded, in the order of their keys. */
  rows(target: Namespace): Promise<readonly unknown[]>;
}

export async function failure(promise: Promise<unknown>): Promise<ReplicationError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ReplicationError);
  return error as ReplicationError;
}

/** What every destination promises; a new kind passes this before anything else. */
export function describeDestination(name: string, fixture: () => Promise<DestinationFixture>): void {
  describe(`${name}: the contract of every destination`, () => {
    let t: DestinationFixture;
    let opened: Destination[] = [];
    const open = async (): Promise<Destination> => {
      const destination = await t.open();
      opened.push(destination);
      return destination;
    };
    const claim = async (
      epoch: number,
      options: { lanes?: number; expect?: 'any' | 'existing' } = {},
    ): Promise<Claim> => (await open()).claim({ stream: t.stream, epoch, lanes: 2, expect: 'any', ...options }, never);
    const prepared = async (epoch = 1): Promise<Claim> => {
      const made = await claim(epoch);
      await made.prepare([sourceNamespace(t.namespace)], never);
      return made;
    };

    beforeEach(async () => {
      t = await fixture();
    });
    afterEach(async () => {
      for (const destination of opened) await destination[Symbol.asyncDispose]();
      opened = [];
      await t[Symbol.asyncDispose]();
    });

    it('has no ledger until it is claimed', async () => {
      const destination = await open();
      expect(await destination.readLedger(t.stream, never)).toBeNull();
      const { ledger } = await claim(3, { lanes: 4 });
      expect(ledger).toMatchObject({ epoch: 3, lowWater: null, barrier: null, ranges: [], replaced: [] });
      expect(ledger.lanes).toEqual(
        [0, 1, 2, 3].map((lane) => ({ lane, sequence: 0, position: null, readAheadLimit: null })),
      );
      expect(await destination.readLedger(t.stream, never)).toEqual({
        epoch: 3,
        lowWater: null,
        sequence: 0,
        copying: [],
      });
    });

    it('tells a missing ledger from a new one', async () => {
      const error = await failure(claim(2, { expect: 'existing' }));
      expect([error.kind, error.code]).toEqual(['needs_attention', 'ledger_missing']);
      expect(error.remedy).not.toBe('');
    });

    it('refuses a claim at an epoch that was claimed, and says which one the ledger holds', async () => {
      await claim(5);
      for (const epoch of [5, 4, 1]) {
        const error = await failure(claim(epoch));
        expect([error.kind, error.epoch]).toEqual(['fenced', 5]);
      }
      expect((await claim(6)).ledger.epoch).toBe(6);
    });

    it('lets only one of many claim the same epoch', async () => {
      const destinations = await Promise.all([open(), open(), open()]);
      const outcomes = await Promise.allSettled(
        destinations.map((each) => each.claim({ stream: t.stream, epoch: 1, lanes: 2, expect: 'any' }, never)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('writes rows and remembers how far each lane is', async () => {
      const first = await prepared();
      const one = { _id: 1, a: 'x' };
      const two = { _id: 2, a: 'y' };
      expect(await first.apply(part([insert(t.namespace, one), replace(t.namespace, two)]), never)).toMatchObject({
        fresh: true,
      });
      await first.apply(part([remove(t.namespace, 2)], { lane: 1, position: null }), never);
      await first.advance(at(1), never);
      expect(await t.rows(t.namespace)).toEqual([one]);
      expect((await claim(2)).ledger).toMatchObject({
        lowWater: at(1),
        lanes: [
          { lane: 0, sequence: 1, position: at(1) },
          { lane: 1, sequence: 1, position: null },
        ],
      });
    });

    it('writes a part once, however often it is sent', async () => {
      const made = await prepared();
      const sent = part([insert(t.namespace, { _id: 1, a: 1 })]);
      expect((await made.apply(sent, never)).fresh).toBe(true);
      expect((await made.apply(sent, never)).fresh).toBe(false);
      expect((await made.apply({ ...sent, expected: 1, changes: [remove(t.namespace, 1)] }, never)).fresh).toBe(true);
      // The first part once more would bring the row back.
      expect((await made.apply(sent, never)).fresh).toBe(false);
      expect(await t.rows(t.namespace)).toEqual([]);
    });

    it('applies twice as once: rows that are there, rows that are gone', async () => {
      const made = await prepared();
      const row = { _id: 1, a: 1 };
      await made.apply(part([insert(t.namespace, row), remove(t.namespace, 7)]), never);
      await made.apply(part([insert(t.namespace, { ...row, a: 2 })], { expected: 1, pastOverlap: false }), never);
      expect(await t.rows(t.namespace)).toEqual([{ _id: 1, a: 2 }]);
      await made.apply(part([insert(t.namespace, { ...row, a: 3 })], { expected: 2, pastOverlap: true }), never);
      expect(await t.rows(t.namespace)).toEqual([{ _id: 1, a: 3 }]);
    });

    it('keeps the order of the changes to one key', async () => {
      const made = await prepared();
      const changes = [
        insert(t.namespace, { _id: 1, v: 1 }),
        replace(t.namespace, { _id: 1, v: 2 }),
        remove(t.namespace, 1),
        insert(t.namespace, { _id: 1, v: 3 }),
        remove(t.namespace, 2),
        insert(t.namespace, { _id: 2, v: 1 }),
        remove(t.namespace, 2),
      ];
      await made.apply(part(changes), never);
      expect(await t.rows(t.namespace)).toEqual([{ _id: 1, v: 3 }]);
    });

    it.each(['applyGroup', 'rewriteConflicts'] as const)(
      'writes parts of several lanes as one, however often they are sent: %s',
      async (apply) => {
        const made = await prepared();
        const parts = [
          part([insert(t.namespace, { _id: 1, a: 'x' }), remove(t.namespace, 3)], { readAheadLimit: at(4) }),
          part([replace(t.namespace, { _id: 2, a: 'y' })], { lane: 1, position: at(2) }),
        ];
        expect((await made[apply](parts, never)).map(({ fresh }) => fresh)).toEqual([true, true]);
        expect((await made[apply](parts, never)).map(({ fresh }) => fresh)).toEqual([false, false]);
        const progressed = [
          part([replace(t.namespace, { _id: 1, a: 'y' })], { expected: 1 }),
          part([replace(t.namespace, { _id: 2, a: 'x' })], { lane: 1, expected: 7 }),
        ];
        expect((await failure(made[apply](progressed, never))).kind).toBe('retry');
        expect(await t.rows(t.namespace)).toEqual([
          { _id: 1, a: 'x' },
          { _id: 2, a: 'y' },
        ]);
        const { ledger } = await claim(2);
        expect(ledger.lanes).toEqual([
          { lane: 0, sequence: 1, position: at(1), readAheadLimit: at(4) },
          { lane: 1, sequence: 1, position: at(2), readAheadLimit: null },
        ]);
        expect((await failure(made[apply](progressed, never))).kind).toBe('fenced');
      },
    );

    it('writes nothing of several lanes where one of them has a delta without its row', async () => {
      const made = await prepared();
      const parts = [
        part([insert(t.namespace, { _id: 1 })]),
        part([update(t.namespace, 2, { updatedFields: { a: 1 } })], { lane: 1 }),
      ];
      expect((await failure(made.applyGroup(parts, never))).code).toBe('delta_missed');
      expect(await t.rows(t.namespace)).toEqual([]);
      const { ledger } = await claim(2);
      expect(ledger.lanes).toMatchObject([{ sequence: 0 }, { sequence: 0 }]);
    });

    it('fences whatever an earlier epoch still tries', async () => {
      const stale = await prepared();
      const [range] = await stale.plan(new Map([[t.namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
      await claim(2);
      const row = Buffer.from(BSON.serialize({ _id: 1 }));
      const attempts = [
        stale.apply(part([insert(t.namespace, { _id: 1 })]), never),
        stale.advance(at(9), never),
        stale.load({ loader: 0, range: range!, rows: [row], bytes: row.length, after: null, done: true }, never),
        stale.layout(4, null, never),
        stale.prepare([sourceNamespace(`${t.namespace}_2`)], never),
        stale.discard(t.namespace, never),
        stale.plan(new Map([[t.namespace, []]]), never),
        stale.alter({ op: 'drop', namespace: t.namespace, kind: 'drop', sourceTimeMs: 1 }, at(1), never),
      ];
      for (const attempt of attempts) expect((await failure(attempt)).kind).toBe('fenced');
      expect(await t.rows(t.namespace)).toEqual([]);
      expect((await claim(3)).ledger).toMatchObject({ lowWater: null, lanes: [{ sequence: 0 }, { sequence: 0 }] });
    });

    it('remembers an idle position without touching the lanes', async () => {
      const made = await prepared();
      await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
      await made.advance(at(50), never);
      const { ledger } = await claim(2);
      expect(ledger.lowWater).toEqual(at(50));
      expect(ledger.lanes[0]?.position).toEqual(at(1));
    });

    it('counts the moves of the low water, and never anew', async () => {
      const made = await prepared();
      expect(await made.advance(at(1), never)).toMatchObject({ sequence: 1 });
      expect(await made.advance(at(1), never)).toMatchObject({ sequence: 2 });
      await made.begin(at(9), never);
      const { ledger } = await claim(2);
      expect(ledger).toMatchObject({ lowWater: at(9), sequence: 3 });
      expect(await (await open()).readLedger(t.stream, never)).toMatchObject({ lowWater: at(9), sequence: 3 });
    });

    it('keeps positions of megabytes, also those of many lanes in one step', async () => {
      // Together more than one message of a server may hold.
      const large = { ...at(0), token: 'f'.repeat(2 * 1024 * 1024) };
      const made = await claim(1, { lanes: 12 });
      await made.prepare([sourceNamespace(t.namespace)], never);
      const lanes = Array.from({ length: 12 }, (_, lane) => lane);
      const parts = lanes.map((lane) => part([insert(t.namespace, { _id: lane })], { lane, position: large }));
      expect((await made.applyGroup(parts, never)).map(({ fresh }) => fresh)).toEqual(lanes.map(() => true));
      expect((await made.applyGroup(parts, never)).map(({ fresh }) => fresh)).toEqual(lanes.map(() => false));
      await made.advance(large, never);
      const { ledger } = await claim(2);
      expect(
        [ledger.lowWater, ...ledger.lanes.map(({ position }) => position)].filter((each) => each !== null),
      ).toEqual(Array.from({ length: 13 }, () => large));
      expect(await t.rows(t.namespace)).toHaveLength(12);
    });

    it('keeps its layout until it is told another, and starts each lane of that level', async () => {
      const made = await prepared();
      await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
      await made.advance(at(1), never);
      expect((await claim(2, { lanes: 8 })).ledger.lanes).toHaveLength(2);
      const wide = await claim(3);
      expect(await wide.layout(3, at(7), never)).toEqual([
        { lane: 0, sequence: 1, position: at(1), readAheadLimit: at(7) },
        { lane: 1, sequence: 0, position: at(1), readAheadLimit: at(7) },
        { lane: 2, sequence: 0, position: at(1), readAheadLimit: at(7) },
      ]);
      await wide.apply(part([insert(t.namespace, { _id: 2 })], { lane: 2, position: at(2) }), never);
      await wide.advance(at(2), never);
      await wide.layout(1, null, never);
      const again = await claim(4);
      expect(again.ledger.lanes).toEqual([{ lane: 0, sequence: 1, position: at(2), readAheadLimit: null }]);
      await again.apply(part([insert(t.namespace, { _id: 3 })], { expected: 1, position: at(3) }), never);
      // Lanes are never deleted: one that comes back goes on where it was.
      expect((await again.layout(3, null, never)).map(({ sequence }) => sequence)).toEqual([2, 0, 1]);
    });

    it('copies ranges, and knows how far each is', async () => {
      const made = await prepared();
      const bound = Buffer.from(BSON.serialize({ _id: 2 }));
      const ranges = [
        { from: null, to: bound, estimatedRows: 1 },
        { from: bound, to: null, estimatedRows: 2 },
      ];
      const planned = await made.plan(new Map([[t.namespace, ranges]]), never);
      expect(planned).toMatchObject([
        { number: 0, namespace: t.namespace, sequence: 0, from: null, to: bound, after: null, done: false, rows: 0 },
        { number: 1, from: bound, to: null },
      ]);
      const rows = [{ _id: 1 }, { _id: 2 }, { _id: 3 }].map((row) => Buffer.from(BSON.serialize(row)));
      const load = (index: number, list: Buffer[], done: boolean, sequence = 0) =>
        made.load(
          {
            loader: index,
            range: { ...planned[index]!, sequence },
            rows: list,
            bytes: 100,
            after: list.at(-1) ?? null,
            done,
          },
          never,
        );
      const outcomes = await Promise.all([load(0, [rows[0]!], true), load(1, [rows[1]!], false)]);
      expect(outcomes).toEqual([{ fresh: true }, { fresh: true }]);
      expect((await load(1, [rows[1]!], false)).fresh).toBe(false);
      const resumed = await claim(2);
      expect(resumed.ledger.ranges).toMatchObject([
        { number: 0, sequence: 1, done: true, rows: 1 },
        { number: 1, sequence: 1, done: false, rows: 1, after: rows[1] },
      ]);
      await resumed.load(
        { loader: 0, range: resumed.ledger.ranges[1]!, rows: [rows[2]!], bytes: 9, after: rows[2]!, done: true },
        never,
      );
      expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
      const again = await resumed.plan(new Map([[t.namespace, ranges.slice(0, 1)]]), never);
      expect(again).toMatchObject([{ number: 2, done: false, sequence: 0 }]);
    });

    it('copies over rows that are there', async () => {
      const made = await prepared();
      await made.apply(part([insert(t.namespace, { _id: 1, old: true })]), never);
      expect(await (await open()).occupied([t.namespace, `${t.namespace}_2`], never)).toEqual([t.namespace]);
      const [range] = await made.plan(new Map([[t.namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
      const rows = [{ _id: 0 }, { _id: 1, old: false }].map((row) => Buffer.from(BSON.serialize(row)));
      await made.load({ loader: 0, range: range!, rows, bytes: 60, after: null, done: true }, never);
      expect(await t.rows(t.namespace)).toEqual([{ _id: 0 }, { _id: 1, old: false }]);
    });

    it('empties a target that is copied anew', async () => {
      const made = await prepared();
      await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
      await made.discard(t.namespace, never);
      expect(await t.rows(t.namespace)).toEqual([]);
      expect((await claim(2)).ledger.replaced).toEqual([]);
    });

    it('applies schema changes once, at their position', async () => {
      const made = await prepared();
      await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
      const moved = `${t.namespace}_moved`;
      const rename = { op: 'rename', namespace: t.namespace, to: moved, kind: 'rename', sourceTimeMs: 1 } as const;
      await made.alter(rename, at(2), never);
      expect(await t.rows(moved)).toEqual([{ _id: 1 }]);
      const drop = { op: 'drop', namespace: moved, kind: 'drop', sourceTimeMs: 1 } as const;
      await made.alter(drop, at(3), never);
      expect(await t.rows(moved)).toEqual([]);
      await made.alter({ op: 'create', namespace: moved, kind: 'create', sourceTimeMs: 1 }, at(4), never);
      await made.apply(part([insert(moved, { _id: 2 })], { expected: 1 }), never);
      await made.alter(drop, at(4), never);
      expect(await t.rows(moved)).toEqual([{ _id: 2 }]);
      expect((await claim(2)).ledger).toMatchObject({ barrier: { position: at(4), state: 'done' }, replaced: [] });
    });

    it('takes requests for fresh copies of rows along with a rename', async () => {
      const [made, destination] = [await prepared(), await open()];
      const moved = `${t.namespace}_moved`;
      const keys = [1, 2].map((_id) => insert(t.namespace, { _id }).key);
      const asks = keys.map((key) => ({ namespace: t.namespace, key, reason: 'copy' as const }));
      await destination.askRepairs(t.stream, asks, never);
      await made.alter(
        { op: 'rename', namespace: t.namespace, to: moved, kind: 'rename', sourceTimeMs: 1 },
        at(2),
        never,
      );
      const requests = await made.repairs(10, never);
      expect(requests.map(({ namespace, reason }) => [namespace, reason])).toEqual(keys.map(() => [moved, 'copy']));
      expect(requests.map(({ key }) => key.toString('hex')).sort()).toEqual(
        keys.map(({ bytes }) => bytes.toString('hex')).sort(),
      );
      await made.repaired(
        requests.map(({ id }) => id),
        never,
      );
      expect(await destination.repairsLeft(t.stream, never)).toBe(0);
    });

    it('stops when it is told to', async () => {
      const made = await prepared();
      const error = await failure(made.apply(part([insert(t.namespace, { _id: 1 })]), AbortSignal.abort()));
      expect(error.kind).toBe('retry');
      expect(await t.rows(t.namespace)).toEqual([]);
    });

    it('finds nothing in the way of a healthy server', async () => {
      expect((await (await open()).inspect(never)).filter(({ severity }) => severity === 'error')).toEqual([]);
    });
  });
}
