import { BSON, Long, MongoClient, type CommandStartedEvent, type Document } from 'mongodb';
import { mongodbDestinationSchema } from '../../src/config/schema';
import { MongodbDestination } from '../../src/connectors/mongodb/destination/destination';
import type { Absent, Claim } from '../../src/core/ports/destination';
import type { Finding } from '../../src/core/model/finding';
import { sharedMongo } from '../support/servers';
import { insert, never, part, sourceNamespace } from './destination-changes';
import { MongodbFixture } from './destination-mongodb';

const CAP = { capped: true, size: new Long(65_536), max: new Long(2) };
const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);
/** The source has lost the rows that it had first. */
const lost =
  (...ids: readonly number[]): Absent =>
  (_namespace, keys) =>
    Promise.resolve(keys.filter(({ bytes }) => ids.includes(BSON.deserialize(bytes)['_id'] as number)));
const nothingLost = lost();

/** A destination whose commands are seen. */
class Seen implements AsyncDisposable {
  readonly commands: Document[] = [];
  epoch = 0;

  private constructor(
    readonly t: MongodbFixture,
    private readonly destination: MongodbDestination,
    client: MongoClient,
  ) {
    client.on('commandStarted', ({ command }: CommandStartedEvent) => this.commands.push(command));
  }

  static async on(uri: string): Promise<Seen> {
    const t = await MongodbFixture.on(uri);
    const client = new MongoClient(uri, { monitorCommands: true, appName: `tributary/${t.stream}` });
    const config = mongodbDestinationSchema.parse({
      type: 'mongodb',
      connection_string: uri,
      options: { ledger_database: t.ledgerDatabase },
    });
    return new Seen(t, new MongodbDestination(client, config, { stream: t.stream, log: () => undefined }), client);
  }

  get namespace() {
    const index = { v: 2, key: { n: 1 }, name: 'n' };
    return sourceNamespace(this.t.namespace, {
      with: CAP,
      wholeOrder: true,
      losesRows: true,
      indexes: [Buffer.from(BSON.serialize(index))],
    });
  }

  claim(): Promise<Claim> {
    this.epoch += 1;
    return this.destination.claim({ stream: this.t.stream, epoch: this.epoch, lanes: 1, expect: 'any' }, never);
  }

  /** A stream that has copied three rows of a capped collection. */
  async running(): Promise<Claim> {
    const made = await this.claim();
    await made.prepare([this.namespace], never);
    await made.apply(part([1, 2, 3].map((_id) => insert(this.t.namespace, { _id, n: _id }))), never);
    return made;
  }

  sent(name: string): Document[] {
    return this.commands.filter((command) => name in command);
  }

  async options(): Promise<Document> {
    const [found] = await this.t.client.db(this.t.database).listCollections({ name: 'orders' }).toArray();
    return (found as { options?: Document } | undefined)?.options ?? {};
  }

  async layout(): Promise<string[]> {
    return codes(await this.destination.verification(this.t.stream, 'run').layout([this.namespace], () => true, never));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destination[Symbol.asyncDispose]();
    await this.t[Symbol.asyncDispose]();
  }
}

/** As the server does what it is asked for: another collection, without indexes. */
async function convertByHand(t: MongodbFixture, size: number): Promise<void> {
  const rows = await t.collection().find().toArray();
  await t.collection().drop();
  await t.client.db(t.database).createCollection('orders', { capped: true, size });
  await t.collection().insertMany(rows);
}

describe('making capped what is capped at the source', () => {
  it('asks for the size, without rows that the source has lost, and tells where a server does not know how', async () => {
    await using seen = await Seen.on(sharedMongo('destination'));
    await seen.running();
    expect(await seen.layout()).toContain('cap_held');
    const claim = await seen.claim();
    const findings = await claim.convert([seen.namespace], lost(1), never);
    expect(seen.sent('convertToCapped')).toMatchObject([{ convertToCapped: 'orders', size: new Long(65_536) }]);
    expect(seen.sent('convertToCapped')[0]).not.toHaveProperty('max');
    // Recorded first: should the answer be lost, the collection is known again.
    const asked = seen.commands.findIndex((command) => 'convertToCapped' in command);
    const recorded = seen.commands.findLastIndex(
      ({ updates }, at) => at < asked && JSON.stringify(updates ?? null).includes('"capping"'),
    );
    expect(JSON.stringify(seen.commands[recorded]?.['updates'])).toContain('"capping":true');
    // An embedded server answers 59.
    const { capped } = await seen.options();
    expect(findings.map(({ severity, code }) => [severity, code])).toEqual(
      capped === true ? [] : [['error', 'not_capped']],
    );
    if (capped !== true) expect(findings[0]?.message).toContain('unsupported');
    expect((await seen.t.rows(seen.t.namespace)).length).toBe(2);
    expect(await claim.finalize([seen.namespace], never)).toEqual([]);
    expect((await seen.claim()).ledger.replaced).toEqual(capped === true ? [seen.t.namespace] : []);
  });

  it('knows its own collection again where the answer was lost, sets the maximum and builds the indexes', async () => {
    await using seen = await Seen.on(sharedMongo('destination'));
    const { t } = seen;
    await seen.running();
    // A leg that was cut short has asked for it.
    await t.ledger.collection('namespaces').updateOne({ source: t.namespace }, { $set: { capping: true } });
    await convertByHand(t, 65_536);
    const claim = await seen.claim();
    seen.commands.length = 0;
    const findings = await claim.convert([seen.namespace], nothingLost, never);
    expect(seen.sent('convertToCapped')).toEqual([]);
    expect(seen.sent('collMod')).toMatchObject([{ collMod: 'orders', cappedMax: new Long(2) }]);
    expect(seen.sent('collMod')[0]).not.toHaveProperty('cappedSize');
    // A server that takes the command and changes nothing is no success.
    const told = 'max' in (await seen.options()) ? [] : ['cap_differs'];
    expect(codes(findings)).toEqual(told);
    expect(await claim.finalize([seen.namespace], never)).toEqual([]);
    expect((await t.collection().indexes()).map(({ name }) => name)).toEqual(['_id_', 'n']);
    expect(await seen.layout()).toEqual(told);
    // Asked again, it does nothing again.
    const again = await seen.claim();
    expect(codes(await again.convert([seen.namespace], nothingLost, never))).toEqual(told);
    expect(await again.finalize([seen.namespace], never)).toEqual([]);
  });

  it('is undone when the stream goes on: a plain target, whose rows are copied anew', async () => {
    await using seen = await Seen.on(sharedMongo('destination'));
    const { t } = seen;
    await seen.running();
    await t.ledger.collection('namespaces').updateOne({ source: t.namespace }, { $set: { capping: true } });
    await convertByHand(t, 65_536);
    await (await seen.claim()).convert([seen.namespace], nothingLost, never);
    const leg = await seen.claim();
    expect(leg.ledger.replaced).toEqual([t.namespace]);
    await leg.planBackfill(new Map([[t.namespace, { estimatedRows: 3 }]]), 'repair', never);
    await leg.prepare([seen.namespace], never);
    expect(await seen.options()).not.toHaveProperty('capped');
    await leg.apply(part([insert(t.namespace, { _id: 4 })], { expected: 1 }), never);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 4 }]);
    expect((await seen.claim()).ledger.replaced).toEqual([]);
  });
});
