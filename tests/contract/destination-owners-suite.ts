import type { Claim, Destination } from '../../src/core/ports/destination';
import type { Namespace } from '../../src/core/model/namespace';
import { at, insert, never, part, sourceNamespace } from './destination-changes';
import { failure, type DestinationFixture } from './destination-suite';

const range = [{ from: null, to: null, estimatedRows: 1 }];
const change = (op: 'create' | 'drop' | 'rename', namespace: Namespace, to?: Namespace) =>
  ({ op, namespace, kind: op, sourceTimeMs: 1, ...(to !== undefined && { to }) }) as const;

/** What every destination promises two streams that would write one target. */
export function describeOwners(name: string, fixture: () => Promise<DestinationFixture>): void {
  describe(`${name}: a target belongs to one stream`, () => {
    let t: DestinationFixture;
    let destination: Destination;
    let other: string;
    const claim = (stream: string, epoch = 1): Promise<Claim> =>
      destination.claim({ stream, epoch, lanes: 1, expect: 'any' }, never);
    const prepare = (made: Claim, namespace = t.namespace) => made.prepare([sourceNamespace(namespace)], never);

    /** The other stream writes one row to the target. */
    async function owned(): Promise<Claim> {
      const made = await claim(other);
      await prepare(made);
      await made.apply(part([insert(t.namespace, { _id: 'other' })]), never);
      return made;
    }

    beforeEach(async () => {
      t = await fixture();
      destination = await t.open();
      other = `${t.stream}-2`;
    });
    afterEach(async () => {
      await destination[Symbol.asyncDispose]();
      await t[Symbol.asyncDispose]();
    });

    it('refuses a start as a whole, names the other stream, and makes nothing', async () => {
      await owned();
      const free = `${t.namespace}_free`;
      const mine = await claim(t.stream);
      const error = await failure(mine.prepare([sourceNamespace(free), sourceNamespace(t.namespace)], never));
      expect([error.kind, error.code, error.namespace]).toEqual(['needs_attention', 'target_owned', undefined]);
      expect(error.message).toContain(other);
      expect(error.remedy).toContain(`tributary streams forget ${other}`);
      // What it was refused with is free for the other one.
      await prepare(await claim(other, 2), free);
    });

    it('refuses it before rows are emptied, planned or met by a lane', async () => {
      await owned();
      const mine = await claim(t.stream);
      const tried = [
        () => mine.discard(t.namespace, never),
        () => mine.plan(new Map([[t.namespace, range]]), never),
        () => mine.apply(part([insert(t.namespace, { _id: 'mine' })]), never),
        () => mine.alter(change('create', t.namespace), at(1), never),
      ];
      for (const attempt of tried) expect((await failure(attempt())).code).toBe('target_owned');
      expect(await t.rows(t.namespace)).toEqual([{ _id: 'other' }]);
    });

    it('tells which namespace is in the way once the stream runs, so that the others go on', async () => {
      await owned();
      const mine = await claim(t.stream);
      await mine.begin(at(1), never);
      const running = await claim(t.stream, 2);
      expect((await failure(prepare(running))).namespace).toBe(t.namespace);
      const met = await failure(running.apply(part([insert(t.namespace, { _id: 1 })]), never));
      expect([met.code, met.namespace]).toEqual(['target_owned', t.namespace]);
    });

    it('tells before anything starts', async () => {
      expect(await destination.ownedByOthers([t.namespace], never)).toEqual([]);
      await owned();
      expect(await destination.ownedByOthers([t.namespace, `${t.namespace}_free`], never)).toEqual([
        { namespace: t.namespace, target: destination.target(t.namespace), owners: [other], shared: false },
      ]);
    });

    it('is taken by one of two that prepare it at the same moment', async () => {
      for (let round = 0; round < 10; round++) {
        const target = `${t.namespace}_${round}`;
        const claims = await Promise.all([claim(t.stream, round + 1), claim(other, round + 1)]);
        const outcomes = await Promise.allSettled(claims.map((each) => prepare(each, target)));
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        const lost = outcomes.find((outcome) => outcome.status === 'rejected');
        expect(lost?.reason).toMatchObject({ code: 'target_owned' });
      }
    });

    it('stays with a stream that is stopped, and is its own again after a start that was cut short', async () => {
      await prepare(await claim(other));
      await failure(prepare(await claim(t.stream)));
      await prepare(await claim(other, 2));
      expect((await failure(prepare(await claim(t.stream, 2)))).code).toBe('target_owned');
    });

    it('moves with a rename, which does not replace what another stream has', async () => {
      const theirs = await owned();
      const mine = await claim(t.stream);
      const [before, after] = [`${t.namespace}_before`, `${t.namespace}_after`];
      await prepare(mine, before);
      expect((await failure(mine.alter(change('rename', before, t.namespace), at(1), never))).code).toBe(
        'target_owned',
      );
      expect(await t.rows(t.namespace)).toEqual([{ _id: 'other' }]);
      await mine.alter(change('rename', before, after), at(2), never);
      expect((await failure(prepare(theirs, after))).code).toBe('target_owned');
      await prepare(theirs, before);
    });

    const ways: readonly (readonly [string, (made: Claim) => Promise<unknown>])[] = [
      ['is dropped', (made) => made.alter(change('drop', t.namespace), at(1), never)],
      ['is removed', (made) => made.remove([t.namespace], never)],
      ['is not followed any more', (made) => made.unfollow([t.namespace], never)],
      ['belongs to a stream that has ended', (made) => made.release(never)],
      ['belongs to a stream that is forgotten', () => destination.forget(other, never)],
    ];
    it.each(ways)('is free once it %s', async (_, give) => {
      const theirs = await owned();
      expect((await destination.kept(other, never)).records.owners).toBe(1);
      await give(theirs);
      expect((await destination.kept(other, never)).records.owners).toBe(0);
      await prepare(await claim(t.stream));
    });

    it('goes on with a stream that has ended and begins again, unless it was taken', async () => {
      const theirs = await owned();
      await theirs.release(never);
      const again = await claim(other, 2);
      await prepare(again);
      expect((await failure(prepare(await claim(t.stream)))).code).toBe('target_owned');
      await again.release(never);
      const mine = await claim(t.stream, 2);
      await prepare(mine);
      const late = await claim(other, 3);
      const write = part([insert(t.namespace, { _id: 'late' })], { expected: 1 });
      expect((await failure(late.apply(write, never))).code).toBe('target_owned');
      // Nor is what the source drops now dropped for the other one.
      await late.alter(change('drop', t.namespace), at(1), never);
      expect(await t.rows(t.namespace)).toEqual([{ _id: 'other' }]);
      expect((await failure(prepare(late))).code).toBe('target_owned');
    });
  });
}
