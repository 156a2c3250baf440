import { BSON, type Document } from 'mongodb';
import { keyOf } from '../../src/formats/bson/key';
import type { Claim, Destination, Kept } from '../../src/core/ports/destination';
import { Proxy } from '../chaos/proxy';
import { eventually } from '../support/eventually';
import { sharedMongo } from '../support/servers';
import { insert, never, part, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

const NOTHING: Kept = {
  records: { ledger: 0, ranges: 0, namespaces: 0, owners: 0, derived: 0, repairs: 0, deadLetters: 0, verification: 0 },
  targets: [],
  heldIndexes: 0,
};

describe('forgetting a stream at its destination', () => {
  let t: MongodbFixture;
  let destination: Destination;
  const claim = (epoch: number, stream = t.stream): Promise<Claim> =>
    destination.claim({ stream, epoch, lanes: 2, expect: 'any' }, never);
  const key = (id: unknown) => keyOf(Buffer.from(BSON.serialize({ _id: id })));

  /** A stream with a record of every kind. */
  async function full(stream = t.stream, namespace = t.namespace): Promise<Claim> {
    const made = await claim(1, stream);
    const index = Buffer.from(BSON.serialize({ v: 2, name: 'n_1', key: { n: 1 }, unique: true }));
    await made.prepare([{ ...sourceNamespace(namespace), indexes: [index] }], never);
    const view = sourceNamespace(`${namespace}_view`, { follows: 'derived', with: { viewOn: 'orders', pipeline: [] } });
    await made.derive({ list: [view], covers: () => true }, never);
    await made.plan(new Map([[namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
    await made.index([{ ...sourceNamespace(namespace), indexes: [index] }], () => undefined, never);
    const refused = insert(namespace, { _id: 'refused' });
    const refusal = { change: refused, code: 'too_large', message: 'x', attempts: 1, deadLetter: null, kept: true };
    await made.apply({ ...part([insert(namespace, { _id: stream })]), rejected: [refusal] }, never);
    await destination.askRepairs(stream, [{ namespace, key: key(1), reason: 'verify' }], never);
    await destination.verification(stream, 'run').plan(new Map(), [], never);
    return made;
  }

  /** What stands in the ledger's database under the id of a stream, collection by collection. */
  async function left(stream = t.stream): Promise<Record<string, readonly Document[]>> {
    const found: Record<string, readonly Document[]> = {};
    for (const { name } of await t.ledger.listCollections({}, { nameOnly: true }).toArray()) {
      const own = await t.ledger.collection(name).find({ stream }).toArray();
      if (own.length > 0) found[name] = own;
    }
    return found;
  }

  beforeEach(async () => {
    t = await MongodbFixture.on(sharedMongo('destination'));
    destination = await t.open();
  });
  afterEach(async () => {
    await destination[Symbol.asyncDispose]();
    await t[Symbol.asyncDispose]();
  });

  it('removes every record of the stream, and no row and nothing of another stream', async () => {
    await full();
    const other = `${t.stream}-2`;
    await full(other, `${t.database}.customers`);
    const others = await left(other);
    const expected: Kept = {
      records: {
        ledger: 3,
        ranges: 1,
        namespaces: 1,
        owners: 2,
        derived: 1,
        repairs: 1,
        deadLetters: 1,
        verification: 1,
      },
      targets: [t.namespace],
      heldIndexes: 1,
    };
    expect(await destination.kept(t.stream, never)).toEqual(expected);
    expect(await destination.forget(t.stream, never)).toEqual(expected);
    expect(await destination.kept(t.stream, never)).toEqual(NOTHING);
    expect(await destination.readLedger(t.stream, never)).toBeNull();
    expect(await left()).toMatchObject({ ledger: [{ _id: t.stream, kind: 'forgotten', removing: false }] });
    expect(Object.keys(await left())).toEqual(['ledger']);
    expect(await t.rows(t.namespace)).toEqual([{ _id: t.stream }]);
    expect(await left(other)).toEqual(others);
    // Forgetting twice is forgetting once; nor does it need a stream that was ever there.
    expect(await destination.forget(t.stream, never)).toEqual(NOTHING);
    expect(await destination.forget('never-there', never)).toEqual(NOTHING);
  });

  it('lets no writer of the forgotten stream write, not even under a new stream of the same id', async () => {
    const before = await full();
    await destination.forget(t.stream, never);
    const late = part([insert(t.namespace, { _id: 'late' })], { expected: 1 });
    expect((await failure(before.apply(late, never))).code).toBe('ledger_behind');
    // A leg whose claim was on its way when the stream was forgotten.
    expect((await failure(claim(2))).kind).toBe('fenced');

    const { epoch } = await failure(claim(1));
    const after = await claim(epoch! + 1);
    expect(after.ledger).toMatchObject({ lowWater: null, ranges: [], known: [] });
    await after.prepare([sourceNamespace(t.namespace)], never);
    await after.apply(part([insert(t.namespace, { _id: 'new' })]), never);
    // Its lane is where the old writer expects its own, and only the epoch tells them apart.
    expect((await failure(before.apply(late, never))).kind).toBe('fenced');
    expect((await failure(before.unfollow([t.namespace], never))).kind).toBe('fenced');
    expect(await t.rows(t.namespace)).toEqual([{ _id: 'new' }, { _id: t.stream }]);
  });

  it('goes on after a removal that was cut short; until then the id is not used again', async () => {
    await full();
    await destination.forget(t.stream, never);
    await t.ledger.collection<{ _id: string }>('ledger').updateOne({ _id: t.stream }, { $set: { removing: true } });
    await t.ledger.collection<{ _id: string }>('ranges').insertOne({ _id: `${t.stream}/range/0` });
    const refused = await failure(claim(5_000));
    expect([refused.kind, refused.code]).toEqual(['needs_attention', 'being_forgotten']);
    expect(refused.remedy).toContain(`tributary streams forget ${t.stream}`);
    expect((await destination.forget(t.stream, never)).records.ranges).toBe(1);
    expect((await claim(5_000)).ledger.ranges).toEqual([]);
  });

  it('deletes nothing of a new stream, though a removal that was held up goes on meanwhile', async () => {
    await full();
    await using proxy = await Proxy.open(Number(new URL(t.uri).port), { framed: true });
    const through = `mongodb://127.0.0.1:${proxy.port}/?directConnection=true`;
    await using slow = await t.open({}, { through });
    // Slow enough to be held once the id is closed, before the first record is deleted.
    proxy.delayMs = 50;
    const held = failure(slow.forget(t.stream, never));
    const own = t.ledger.collection<{ _id: string; kind: string }>('ledger');
    await eventually(async () => expect(await own.findOne({ _id: t.stream })).toMatchObject({ kind: 'forgotten' }));
    proxy.rule = (command) => (command === 'find' ? 'hold' : 'pass');
    await eventually(() => Promise.resolve().then(() => expect(proxy.held).toBe(1)));

    expect((await destination.forget(t.stream, never)).records).toMatchObject({ ranges: 1, ledger: 2 });
    const epoch = (await failure(claim(1))).epoch! + 1;
    const after = await claim(epoch);
    await after.plan(new Map([[t.namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
    const kept = await left();
    proxy.heal();
    proxy.release();
    const refused = await held;
    expect([refused.kind, refused.code]).toEqual(['needs_attention', 'being_forgotten']);
    expect(await left()).toEqual(kept);
    await after.prepare([sourceNamespace(t.namespace)], never);
  });

  it('is refused where a new stream of the id began meanwhile', async () => {
    await full();
    await t.ledger.collection<{ _id: string }>('ledger').deleteOne({ _id: t.stream });
    await using proxy = await Proxy.open(Number(new URL(t.uri).port), { framed: true });
    await using slow = await t.open({}, { through: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true` });
    proxy.rule = (command) => (command === 'update' ? 'hold' : 'pass');
    const held = failure(slow.forget(t.stream, never));
    await eventually(() => Promise.resolve().then(() => expect(proxy.held).toBe(1)));
    await claim(7);
    const kept = await left();
    proxy.heal();
    proxy.release();
    expect((await held).code).toBe('stream_began');
    expect(await left()).toEqual(kept);
  });
});
