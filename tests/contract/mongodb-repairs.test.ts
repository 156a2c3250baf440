import { BSON } from 'mongodb';
import { keyOf } from '../../src/formats/bson/key';
import type { Claim, Destination, RepairAsk } from '../../src/core/ports/destination';
import { sharedMongo } from '../support/servers';
import { never } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

describe('asking the stream for fresh copies of rows', () => {
  let t: MongodbFixture;
  let destination: Destination;
  let claim: Claim;
  const bytes = (id: unknown): Buffer => Buffer.from(BSON.serialize({ _id: id }));
  const ask = (id: unknown, reason: RepairAsk['reason'] = 'verify'): RepairAsk => ({
    namespace: t.namespace,
    key: keyOf(bytes(id)),
    reason,
  });
  const counter = async (): Promise<unknown> =>
    (await t.ledger.collection<{ _id: string; repairs?: number }>('ledger').findOne({ _id: t.stream }))?.repairs;
  const keys = async (limit = 100) =>
    (await claim.repairs(limit, never)).map(({ key }) => BSON.deserialize(key)['_id'] as unknown);

  beforeEach(async () => {
    t = await MongodbFixture.on(sharedMongo('destination'));
    destination = await t.open();
    claim = await destination.claim({ stream: t.stream, epoch: 1, lanes: 2, expect: 'any' }, never);
  });
  afterEach(async () => {
    await destination[Symbol.asyncDispose]();
    await t[Symbol.asyncDispose]();
  });

  it('keeps them until they are done, and raises the counter of the stream', async () => {
    expect(await counter()).toBeUndefined();
    await destination.askRepairs(t.stream, [ask(1), ask('a')], never);
    expect(await counter()).toBe(1);
    expect(await destination.repairsLeft(t.stream, never)).toBe(2);
    const open = await claim.repairs(10, never);
    expect(open).toMatchObject([
      { namespace: t.namespace, reason: 'verify' },
      { namespace: t.namespace, reason: 'verify' },
    ]);
    await claim.repaired(
      open.slice(0, 1).map(({ id }) => id),
      never,
    );
    expect(await claim.repairs(10, never)).toEqual(open.slice(1));
    await claim.repaired(
      open.map(({ id }) => id),
      never,
    );
    expect(await destination.repairsLeft(t.stream, never)).toBe(0);
  });

  it('has one open request for a key, whatever type its number has', async () => {
    await destination.askRepairs(t.stream, [ask(1), ask(new BSON.Double(1)), ask(BSON.Long.fromNumber(1))], never);
    await Promise.all([1, 2, 3].map(() => destination.askRepairs(t.stream, [ask(1, 'replay')], never)));
    expect(await keys()).toEqual([1]);
    expect(await counter()).toBe(4);
  });

  it('keeps open what is asked for again while it is worked on', async () => {
    await destination.askRepairs(t.stream, [ask(1)], never);
    const [request] = await claim.repairs(10, never);
    await destination.askRepairs(t.stream, [ask(1)], never);
    await claim.repaired([request!.id], never);
    expect(await keys()).toEqual([1]);
  });

  it('hands out no more than it is asked for, and none of another stream', async () => {
    const other = await destination.claim({ stream: `${t.stream}-2`, epoch: 1, lanes: 1, expect: 'any' }, never);
    await destination.askRepairs(`${t.stream}-2`, [ask('other')], never);
    await destination.askRepairs(
      t.stream,
      [1, 2, 3].map((id) => ask(id)),
      never,
    );
    expect(await keys(2)).toHaveLength(2);
    expect((await keys()).sort()).toEqual([1, 2, 3]);
    expect(await other.repairs(10, never)).toHaveLength(1);
  });

  it('closes nothing for a writer that was fenced', async () => {
    await destination.askRepairs(t.stream, [ask(1)], never);
    const [request] = await claim.repairs(10, never);
    await destination.claim({ stream: t.stream, epoch: 2, lanes: 2, expect: 'existing' }, never);
    expect((await failure(claim.repaired([request!.id], never))).kind).toBe('fenced');
    expect(await destination.repairsLeft(t.stream, never)).toBe(1);
  });

  it('refuses to ask a stream that has no ledger', async () => {
    const error = await failure(destination.askRepairs('no-such-stream', [ask(1)], never));
    expect([error.kind, error.code]).toEqual(['needs_attention', 'ledger_missing']);
    await destination.askRepairs(t.stream, [], never);
    expect(await counter()).toBeUndefined();
  });
});
