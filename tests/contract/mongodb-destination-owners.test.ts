import type { Claim, Destination } from '../../src/core/ports/destination';
import { sharedMongo } from '../support/servers';
import { insert, never, part, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { describeOwners } from './destination-owners-suite';
import { failure } from './destination-suite';

describeOwners('mongodb', () => MongodbFixture.on(sharedMongo('destination')));

describe('who owns a target of MongoDB', () => {
  let t: MongodbFixture;
  let alone: Destination;
  let sharing: Destination;
  let other: string;
  const claim = (destination: Destination, stream: string, epoch = 1): Promise<Claim> =>
    destination.claim({ stream, epoch, lanes: 1, expect: 'any' }, never);
  const prepare = (made: Claim) => made.prepare([sourceNamespace(t.namespace)], never);
  const owners = () => t.ledger.collection('owners').find().toArray();

  beforeEach(async () => {
    t = await MongodbFixture.on(sharedMongo('destination'));
    other = `${t.stream}-2`;
    alone = await t.open();
    sharing = await t.open({ options: { shared_targets: true } });
  });
  afterEach(async () => {
    await alone[Symbol.asyncDispose]();
    await sharing[Symbol.asyncDispose]();
    await t[Symbol.asyncDispose]();
  });

  it('is shared by streams that all say so, and by no other', async () => {
    const [mine, theirs] = [await claim(sharing, t.stream), await claim(sharing, other)];
    for (const made of [mine, theirs]) await prepare(made);
    await mine.apply(part([insert(t.namespace, { _id: 1 })]), never);
    await theirs.apply(part([insert(t.namespace, { _id: 2 })]), never);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }, { _id: 2 }]);
    expect(await sharing.ownedByOthers([t.namespace], never)).toMatchObject([{ owners: [other], shared: true }]);
    expect(await alone.ownedByOthers([t.namespace], never)).toMatchObject([{ owners: [other], shared: false }]);
    expect((await failure(prepare(await claim(alone, `${t.stream}-3`)))).code).toBe('target_owned');
    // Forgetting one leaves the other its share.
    await sharing.forget(other, never);
    expect(await owners()).toMatchObject([{ _id: t.namespace, shared: true, holders: [{ stream: t.stream }] }]);
  });

  it('is not shared with a stream that was promised to be alone', async () => {
    await prepare(await claim(alone, other));
    expect((await failure(prepare(await claim(sharing, t.stream)))).code).toBe('target_owned');
    // Until that one says so too.
    await prepare(await claim(sharing, other, 2));
    await prepare(await claim(sharing, t.stream, 2));
  });

  it('is recorded by the next claim of a ledger that has no owners yet, and left to a stream that was first', async () => {
    const theirs = await claim(alone, other);
    await prepare(theirs);
    await t.ledger.collection('owners').drop();
    await claim(alone, other, 2);
    expect(await owners()).toMatchObject([{ _id: t.namespace, holders: [{ stream: other }] }]);
    await t.ledger.collection('owners').drop();
    await prepare(await claim(alone, t.stream));
    const late = await claim(alone, other, 3);
    const error = await failure(late.apply(part([insert(t.namespace, { _id: 1 })]), never));
    expect([error.code, error.namespace]).toEqual(['target_owned', t.namespace]);
    await late.remove([t.namespace], never);
    expect((await t.client.db(t.database).listCollections().toArray()).map(({ name }) => name)).toEqual(['orders']);
  });

  it('is one stream with its views, which leave those of another alone', async () => {
    const view = { with: { viewOn: 'orders', pipeline: [] }, follows: 'derived' } as const;
    const name = `${t.database}.recent`;
    const derive = (made: Claim, list = [sourceNamespace(name, view)]) =>
      made.derive({ list, covers: (namespace) => namespace === name }, never);
    const [mine, theirs] = [await claim(alone, t.stream), await claim(alone, other)];
    expect(await derive(theirs)).toEqual([]);
    expect(await derive(mine)).toMatchObject([{ code: 'target_owned', severity: 'warning', namespace: name }]);
    await derive(theirs, []);
    expect(await derive(mine)).toEqual([]);
  });

  it('keeps the target of a view that gives way to rows', async () => {
    const mine = await claim(alone, t.stream);
    const view = sourceNamespace(t.namespace, { with: { viewOn: 'x', pipeline: [] }, follows: 'derived' });
    await mine.derive({ list: [view], covers: () => true }, never);
    await prepare(mine);
    await mine.derive({ list: [], covers: () => true }, never);
    expect((await failure(prepare(await claim(alone, other)))).code).toBe('target_owned');
  });
});
