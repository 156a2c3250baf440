import {
  BSON,
  MongoClient,
  type CollationOptions,
  type CollectionInfo,
  type CommandStartedEvent,
  type Document,
} from 'mongodb';
import type { Claim, Destination } from '../../src/core/ports/destination';
import { runDdl } from '../../src/connectors/mongodb/destination/schema/ddl';
import { sharedMongo } from '../support/servers';
import { insert, never, part, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

let t: MongodbFixture;
let destination: Destination;
let made: Claim;

beforeEach(async () => {
  t = await MongodbFixture.on(sharedMongo('destination'));
  destination = await t.open();
  made = await destination.claim({ stream: t.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
});

afterEach(async () => {
  await destination[Symbol.asyncDispose]();
  await t[Symbol.asyncDispose]();
});

const CAPPED = { capped: true, size: 4096, max: 2 };

async function optionsOf(name = 'orders'): Promise<Document> {
  const [found] = await t.client.db(t.database).listCollections<CollectionInfo>({ name }).toArray();
  return found?.options ?? {};
}

describe('the target of a capped collection', () => {
  const namespace = () => ({ ...sourceNamespace(t.namespace, { with: CAPPED }), wholeOrder: true });

  it('is plain, so that transactions may write to it', async () => {
    await made.prepare([namespace()], never);
    expect(await optionsOf()).not.toHaveProperty('capped');
    await made.apply(part([1, 2, 3].map((_id) => insert(t.namespace, { _id }))), never);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
  });

  it('is plain when the change stream reports its creation', async () => {
    const position = { source: 'test', history: 'h', token: 1 };
    const options = Buffer.from(BSON.serialize(CAPPED));
    const change = { op: 'create', kind: 'create', namespace: t.namespace, sourceTimeMs: 0, options } as const;
    await made.alter(change, position, never);
    expect(await optionsOf()).not.toHaveProperty('capped');
  });

  it('is refused where it is there and capped, and made plain where it may be replaced', async () => {
    await t.client.db(t.database).createCollection('orders', CAPPED);
    const error = await failure(made.prepare([namespace()], never));
    expect([error.kind, error.code, error.namespace]).toEqual(['needs_attention', 'target_capped', t.namespace]);
    await made.discard(t.namespace, never);
    await made.prepare([namespace()], never);
    expect(await optionsOf()).not.toHaveProperty('capped');
  });

  it('that becomes capped stops the stream with a remedy that fits', async () => {
    await made.prepare([namespace()], never);
    await t.collection().drop();
    await t.client.db(t.database).createCollection('orders', CAPPED);
    const error = await failure(made.apply(part([insert(t.namespace, { _id: 1 })]), never));
    expect([error.kind, error.code]).toEqual(['needs_attention', 'not_allowed']);
    expect(error.remedy).toContain('capped');
  });
});

describe('a target that exists with a collation', () => {
  const wanted = { locale: 'en', strength: 2 };
  const prepare = () => made.prepare([sourceNamespace(t.namespace, { with: { collation: wanted } })], never);

  it.each<Document>([{ ...wanted, caseLevel: true }, { ...wanted, alternate: 'shifted' }, { locale: 'en' }])(
    'is refused where any field of it is another one: %p',
    async (collation) => {
      await t.client.db(t.database).createCollection('orders', { collation: collation as CollationOptions });
      const error = await failure(prepare());
      expect([error.kind, error.code, error.namespace]).toEqual(['needs_attention', 'collation_differs', t.namespace]);
    },
  );

  it('is taken where it says what the other one leaves to the server', async () => {
    const filled = { ...wanted, caseLevel: false, alternate: 'non-ignorable', backwards: false } as const;
    await t.client.db(t.database).createCollection('orders', { collation: filled });
    await expect(prepare()).resolves.toBeUndefined();
  });
});

describe('a view of the stream', () => {
  it('makes way for rows where no event has told that a collection took its place', async () => {
    const view = sourceNamespace(t.namespace, { follows: 'derived', with: { viewOn: 'rows', pipeline: [] } });
    await made.derive({ list: [view], covers: () => true }, never);
    await made.apply(part([insert(t.namespace, { _id: 1 })]), never);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }]);
    expect(await made.derive({ list: [], covers: () => true }, never)).toEqual([]);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1 }]);
  });
});

describe('options of the storage engine', () => {
  const engine = { wiredTiger: { configString: 'block_compressor=zlib' } };
  const namespace = () => sourceNamespace(t.namespace, { with: { storageEngine: engine, validator: { n: 1 } } });

  it.each([
    [false, { validator: { n: 1 } }],
    [true, { validator: { n: 1 }, storageEngine: engine }],
  ])('go to targets where that is asked for (%s), and are compared only then', async (storage_engine, wanted) => {
    await using asked = await t.open({ options: { storage_engine } });
    const claim = await asked.claim({ stream: t.stream, epoch: 2, lanes: 1, expect: 'any' }, never);
    await claim.prepare([namespace()], never);
    const { validationLevel: _level, validationAction: _action, ...options } = await optionsOf();
    expect(options).toEqual(wanted);
    expect(await asked.verification(t.stream, 'run').layout([namespace()], () => true, never)).toEqual([]);
  });
});

describe('unique and TTL indexes that a target has while it is written', () => {
  it('are told, each by namespace and name; others are not', async () => {
    const renamed = await t.open({ namespaces: { 'shop.*': `${t.database}.*` } });
    const orders = t.collection();
    await orders.createIndexes([
      { key: { a: 1 }, name: 'plain' },
      { key: { b: 1 }, name: 'one', unique: true },
      { key: { c: 1 }, name: 'gone', expireAfterSeconds: 3600 },
    ]);
    await t.client.db(t.database).createCollection('clean');
    try {
      const findings = await renamed.inspectTargets(['shop.orders', 'shop.clean', 'shop.missing'], never);
      const sorted = [...findings].sort((a, b) => (a.code < b.code ? -1 : 1));
      expect(sorted.map(({ severity, code, namespace }) => [severity, code, namespace])).toEqual([
        ['warning', 'expiry_in_force', 'shop.orders'],
        ['warning', 'unique_in_force', 'shop.orders'],
      ]);
      expect(sorted[0]?.message).toContain(`index gone of the target ${t.namespace}`);
      expect(sorted[1]?.message).toContain(`index one of the target ${t.namespace}`);
      for (const { remedy } of sorted) expect(remedy).toContain('finalize');
    } finally {
      await renamed[Symbol.asyncDispose]();
    }
  });
});

describe('a namespace that is parked', () => {
  it('is parked no more where the stream leaves it', async () => {
    const parked = { namespace: t.namespace, code: 'c', message: 'm', remedy: 'r', at: 'now' };
    await made.prepare([sourceNamespace(t.namespace)], never);
    await made.park([parked], never);
    expect(made.ledger.parked).toEqual([parked]);
    await made.unfollow([t.namespace], never);
    expect(made.ledger.parked).toEqual([]);
    const { ledger } = await destination.claim({ stream: t.stream, epoch: 2, lanes: 1, expect: 'existing' }, never);
    expect([ledger.parked, ledger.unfollowed]).toEqual([[], [t.namespace]]);
  });
});

describe('commands that change collections', () => {
  it('ask for a majority by themselves, whatever the connection string says', async () => {
    const started: CommandStartedEvent[] = [];
    const client = new MongoClient(`${t.uri}&w=1`, { monitorCommands: true });
    client.on('commandStarted', (event) => started.push(event));
    try {
      await runDdl(client, t.database, { create: 'made' }, never);
      expect(started.find(({ commandName }) => commandName === 'create')?.command).toMatchObject({
        writeConcern: { w: 'majority' },
      });
    } finally {
      await client.close();
    }
  });
});
