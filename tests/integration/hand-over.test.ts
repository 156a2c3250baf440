import { MockActivityEnvironment } from '@temporalio/testing';
import { systemClock } from '../../src/host/clock';
import { createActivities } from '../../src/activities';
import { parseSpec } from '../../src/config/spec';
import { Secret } from '../../src/config/secret';
import { Namespaces } from '../../src/connectors/mongodb/destination/schema/namespaces';
import { openDestination } from '../../src/connectors/registry';
import type { Prepared, PrepareLeg } from '../../src/protocol/stream-activities';
import type { Position } from '../../src/core/model/position';
import type { Source } from '../../src/core/ports/source';
import { openSource } from '../../src/connectors/registry';
import { waitFor } from '../../src/servers/wait';
import { CoreStream } from '../support/core';
import { silentMeter } from '../support/changes';
import { sharedMongo } from '../support/servers';
import { Witness } from '../support/witness';

const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => ({ _id: (from + i) as never, n: 0 }));

/** The activity `prepare` on the databases of a core stream. */
class Preparing {
  constructor(
    readonly t: CoreStream,
    /** Done at the source as soon as its namespaces were listed. */
    readonly meanwhile: () => Promise<unknown> = () => Promise.resolve(),
  ) {}

  run(leg: Partial<PrepareLeg> & { readonly collections?: readonly string[] } = {}): Promise<Prepared> {
    const { collections, ...rest } = leg;
    const uris = { source: sharedMongo('source'), destination: sharedMongo('destination') };
    const spec = parseSpec({
      stream: {
        id: this.t.id,
        source: {
          type: 'mongodb',
          connection_string: '${env:SOURCE}',
          database: this.t.sourceDb.databaseName,
          ...(collections && { collections }),
        },
        destination: { type: 'mongodb', connection_string: '${env:DESTINATION}' },
        snapshot: { on_existing: rest.copyMode ?? 'refuse' },
      },
    });
    const activities = createActivities({
      openSource: async (config, credentials, context) => this.#watched(await openSource(config, credentials, context)),
      openDestination,
      resolveCredentials: (_spec, side) => ({ connectionString: new Secret(uris[side]) }),
      log: () => () => undefined,
      meter: () => silentMeter,
      clock: systemClock,
    });
    this.t.epoch += 1;
    const input: PrepareLeg = {
      spec,
      epoch: this.t.epoch,
      ledger: 'any',
      park: [],
      copyMode: 'refuse',
      restart: false,
      plan: true,
      ...rest,
    };
    return new MockActivityEnvironment().run((leg: PrepareLeg) => activities.prepare(leg), input);
  }

  #watched(source: Source): Source {
    const list = source.namespaces.bind(source);
    source.namespaces = async (signal) => {
      const found = await list(signal);
      await this.meanwhile();
      return found;
    };
    return source;
  }
}

/** The worker that copies is told to end after so many loads. */
async function copyUntil(t: CoreStream, loads: number): Promise<void> {
  const stop = new AbortController();
  const claim = t.destination.claim.bind(t.destination);
  let left = loads;
  t.destination.claim = async (request, signal) => {
    const claimed = await claim(request, signal);
    const load = claimed.load.bind(claimed);
    claimed.load = async (part, until) => {
      const written = await load(part, until);
      if (--left === 0) stop.abort();
      return written;
    };
    return claimed;
  };
  expect(await t.copy(undefined, stop.signal)).toBe('stopped');
}

describe('no row falls between copy and stream', () => {
  it('when its collection is made while the stream is prepared', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    // The first listing is for the inspection, the second one for the copy.
    let listings = 0;
    const late = async () => {
      listings += 1;
      if (listings === 2) await t.sourceDb.collection('late').insertMany(rows(3));
    };
    await new Preparing(t, late).run();
    await t.resumeCopy();
    await t.catchUp();
    await t.expectSame();
  });

  it('when it comes below or above all that was there when the copy was planned', async () => {
    await using t = await CoreStream.open();
    const orders = t.sourceDb.collection('orders');
    await orders.insertMany(rows(5_000));
    expect(await t.copy(undefined, AbortSignal.abort())).toBe('stopped');
    const { ranges } = (await t.claim('existing')).ledger;
    expect(ranges.length).toBeGreaterThan(1);
    expect(ranges.every(({ from, to }) => from !== null && to !== null)).toBe(true);
    await orders.insertMany([...rows(3, -3), ...rows(3, 5_000), { _id: 'text' as never }, { _id: NaN as never }]);
    await orders.deleteMany({ _id: { $in: [0, 4_999] as never[] } });
    await t.resumeCopy();
    expect(await t.destinationDb.collection('orders').countDocuments()).toBe(4_998);
    await t.catchUp();
    await t.expectSame();
  });

  it('and how much there is to copy is known again after a start that was cut short', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    const first = await new Preparing(t).run();
    const again = await new Preparing(t).run({ ledger: 'existing' });
    expect([first.resumed, again.resumed]).toEqual([false, true]);
    expect(again).toMatchObject({ copyPending: true, estimate: { rows: 10, bytes: first.estimate.bytes } });
  });

  it('and a start that was cut short leaves nothing behind of what was dropped or made otherwise since', async () => {
    await using t = await CoreStream.open();
    for (const name of ['orders', 'early', 'ruled']) await t.sourceDb.collection(name).insertMany(rows(10));
    await t.destinationDb.createCollection('own');
    // Targets are made, and the worker is lost before it can say which collections they are.
    const save = Reflect.get(Namespaces.prototype, 'save');
    const cut = jest.spyOn(Namespaces.prototype, 'save').mockImplementation(async function (
      this: Namespaces,
      ...[records, ...rest]: Parameters<Namespaces['save']>
    ) {
      if (records.some(({ identity }) => identity !== null)) throw new Error('killed');
      return save.call(this, records, ...rest);
    });
    await expect(new Preparing(t).run()).rejects.toThrow();
    cut.mockRestore();
    expect(await t.destinationDb.listCollections().toArray()).toHaveLength(4);
    await t.sourceDb.collection('early').drop();
    await t.sourceDb.command({ collMod: 'ruled', validator: { n: { $gte: 0 } } });
    await new Preparing(t).run();
    await t.resumeCopy();
    await t.catchUp();
    const [ruled] = await t.destinationDb.listCollections({ name: 'ruled' }).toArray();
    expect(ruled).toMatchObject({ options: { validator: { n: { $gte: 0 } } } });
    await t.destinationDb.collection('own').drop();
    await t.expectSame();
  });

  it('when a stream is started again with a wider selection', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await t.sourceDb.collection('customers').insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run({ collections: ['orders'] });
    await t.resumeCopy();
    const again = await preparing.run();
    expect(again).toMatchObject({
      resumed: true,
      copyPending: false,
      copying: [`${t.sourceDb.databaseName}.customers`],
    });
    await t.catchUp();
    await t.expectSame();
    expect(await preparing.run()).toMatchObject({ resumed: true, copying: [] });
  });

  it('and no index of what has taken a name over since is built on what still stands under it', async () => {
    await using t = await CoreStream.open({ renameOut: 'drop' });
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await new Preparing(t).run();
    await t.sourceDb.collection('orders').rename('moved');
    await t.sourceDb.collection('orders').insertMany(rows(5));
    await t.sourceDb.collection('orders').createIndex({ n: 1 }, {}, {});
    await t.resumeCopy();
    const never = new AbortController().signal;
    await (await t.claim('existing')).index(await t.source.namespaces(never), () => undefined, never);
    await t.catchUp();
    await t.running(() =>
      waitFor(async () => ((await t.destinationDb.collection('orders').indexes()).length === 2 ? true : undefined), {
        what: 'the index of the new collection',
        timeoutMs: 20_000,
      }),
    );
    expect(await t.destinationDb.collection('moved').indexes()).toHaveLength(1);
    await t.expectSame();
  });

  it('when a target is taken away between two legs of its copy', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(3_000));
    await copyUntil(t, 3);
    await t.destinationDb.collection('orders').drop();
    expect(await t.resumeCopy()).toBe('done');
    await t.catchUp();
    await t.expectSame();
  });

  it('when a collection with a collation is gone at the source before its last changes are read', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.createCollection('names', { collation: { locale: 'en', strength: 2 } });
    await t.sourceDb.collection('names').insertMany(rows(10));
    await t.copy();
    await t.catchUp();
    await t.sourceDb.collection('names').insertMany(rows(10, 50));
    await t.sourceDb.collection('names').drop();
    await t.catchUp();
    await t.expectSame();
  });
});

describe('a stream that is prepared again', () => {
  it('leaves alone what was put by hand in place of a namespace that it no longer follows', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await t.sourceDb.collection('customers').insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run();
    await t.resumeCopy();
    await t.destinationDb.collection('customers').drop();
    await t.destinationDb.collection('customers').insertMany(rows(2, 900));
    await preparing.run({ collections: ['orders'] });
    expect(await t.destinationDb.collection('customers').countDocuments()).toBe(2);
    expect((await t.claim()).ledger.replaced).toEqual([]);
  });

  it('mends a namespace that it did not follow for a while', async () => {
    await using t = await CoreStream.open();
    const source = t.sourceDb.collection('customers');
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await source.insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run();
    await t.resumeCopy();
    await t.catchUp();
    await preparing.run({ collections: ['orders'] });
    const left = await t.claim();
    expect(left.ledger.unfollowed).toEqual([`${t.sourceDb.databaseName}.customers`]);
    await source.deleteOne({ _id: 1 as never });
    await source.updateOne({ _id: 2 as never }, { $set: { n: 7 } });
    await source.insertOne({ _id: 50 as never });
    // No leg has read these changes.
    await left.advance(await t.source.currentPosition(new AbortController().signal), new AbortController().signal);
    expect(await preparing.run()).toMatchObject({
      copyPending: false,
      copying: [`${t.sourceDb.databaseName}.customers`],
    });
    await t.catchUp();
    await t.expectSame();
    expect((await t.claim()).ledger.unfollowed).toEqual([]);
  });

  it('drops what went at the source while a namespace was not followed', async () => {
    await using t = await CoreStream.open();
    for (const name of ['orders', 'customers']) await t.sourceDb.collection(name).insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run();
    await t.resumeCopy();
    await t.catchUp();
    await preparing.run({ collections: ['orders'] });
    await t.sourceDb.collection('customers').drop();
    const claim = await t.claim();
    await claim.advance(await t.source.currentPosition(new AbortController().signal), new AbortController().signal);
    await preparing.run();
    await t.catchUp();
    await t.expectSame();
  });

  it('mends everything after a restart, and does not touch what is equal', async () => {
    await using t = await CoreStream.open();
    for (const name of ['orders', 'customers', 'gone']) await t.sourceDb.collection(name).insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run();
    await t.resumeCopy();
    await t.catchUp();
    await using witness = await Witness.open(t.destinationDb);
    await t.sourceDb.collection('orders').deleteOne({ _id: 1 as never });
    await t.sourceDb.collection('orders').updateOne({ _id: 2 as never }, { $set: { n: 7 } });
    await t.sourceDb.collection('gone').drop();
    await t.destinationDb.collection('customers').deleteOne({ _id: 5 as never });
    expect(await preparing.run({ restart: true })).toMatchObject({ copyPending: false, resumed: false });
    t.position = null;
    await t.catchUp();
    await t.expectSame();
    const writes = (await witness.seen()).map(({ op, collection, id }) => `${op} ${collection} ${String(id)}`);
    expect(writes.sort()).toEqual(['delete customers 5', 'delete orders 1', 'insert customers 5', 'replace orders 2']);
  });

  it('starts again no earlier than what a leg may have written that was not stopped', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await new Preparing(t).run();
    await t.resumeCopy();
    await t.catchUp();
    // The leg of a frozen worker still writes when the restart has read the source's position for the first time.
    let furthest: Position | null = null;
    let listings = 0;
    const meanwhile = async (): Promise<void> => {
      listings += 1;
      // The first listing is for the inspection.
      if (listings !== 2) return;
      await t.sourceDb.collection('orders').updateOne({ _id: 1 as never }, { $set: { n: 1 } });
      await t.catchUp();
      furthest = (await t.destination.readLedger(t.id, new AbortController().signal))?.lowWater ?? null;
    };
    const { position } = await new Preparing(t, meanwhile).run({ restart: true, epoch: t.epoch + 10 });
    expect(t.source.order(position, furthest!)).not.toBe('before');
  });

  it('keeps rows of others after the restart of a stream that merges', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('orders').insertMany(rows(10));
    await t.destinationDb.collection('orders').insertMany(rows(3, 100));
    const preparing = new Preparing(t);
    await preparing.run({ copyMode: 'merge' });
    await t.resumeCopy();
    await t.destinationDb.collection('orders').deleteOne({ _id: 5 as never });
    await preparing.run({ restart: true, copyMode: 'merge' });
    t.position = null;
    await t.catchUp();
    expect(await t.destinationDb.collection('orders').countDocuments()).toBe(13);
  });

  it('forgets with a new start how far its lanes and its schema changes were', async () => {
    await using t = await CoreStream.open({ lanes: 4 });
    await t.sourceDb.collection('orders').insertMany(rows(10));
    const preparing = new Preparing(t);
    await preparing.run();
    await t.resumeCopy();
    await t.sourceDb.collection('orders').insertMany(rows(50, 100));
    await t.sourceDb.createCollection('customers');
    await t.catchUp();
    const before = (await t.claim()).ledger;
    expect(before.barrier?.state).toBe('done');
    expect(before.lanes.some(({ position }) => position !== null)).toBe(true);
    await preparing.run({ restart: true, copyMode: 'replace' });
    const { barrier, lanes, lowWater } = (await t.claim()).ledger;
    expect(barrier).toBeNull();
    expect(lanes.map(({ position }) => position)).toEqual([null, null, null, null]);
    expect(t.source.order(lowWater!, before.lowWater!)).not.toBe('before');
    await t.resumeCopy();
    t.position = null;
    await t.catchUp();
    await t.expectSame();
  });
});
