import { BSON, Binary, Long, MongoClient, UUID, type Document, type FindCursor } from 'mongodb';
import {
  askFor,
  calmPools,
  decodedDocuments,
  encodedDocuments,
  fixSession,
  nextRows,
  sendsEncoded,
} from '../../src/connectors/mongodb/driver/internals';
import { sharedMongo, uniqueName } from '../support/servers';

describe('what the driver keeps to itself', () => {
  let client: MongoClient;
  const database = uniqueName('internals');

  beforeAll(async () => {
    client = await new MongoClient(sharedMongo('destination')).connect();
  });
  afterAll(async () => {
    await client.db(database).dropDatabase();
    await client.close();
  });

  it('sends ready-made documents as they are', async () => {
    expect(sendsEncoded).toBe(true);
    const db = client.db(database);
    // Names in an order, and a type, that decoding would not keep.
    const row = Buffer.from(
      BSON.serialize(
        new Map<string, unknown>([
          ['_id', 1],
          ['b', 1],
          ['10', Long.fromNumber(5)],
          ['2', 1],
        ]),
      ),
    );
    const reply = await db.command({ insert: 'rows', documents: encodedDocuments('documents', [row]) });
    expect(reply['n']).toBe(1);
    const [stored] = (await db.collection('rows').find({}, { raw: true }).toArray()) as unknown as Buffer[];
    expect(Buffer.compare(stored!, row)).toBe(0);
  });

  it('puts a message together once', async () => {
    const row = Buffer.from(BSON.serialize({ text: 'x'.repeat(1_000_000) }));
    const together = jest.spyOn(Buffer, 'concat');
    const documents = encodedDocuments('documents', [row, row]);
    const reply = await client.db(database).command({ insert: 'large', documents, ordered: true });
    expect(reply['n']).toBe(2);
    const large = together.mock.results.filter(({ value }) => (value as Buffer).length > row.length);
    together.mockRestore();
    expect(large).toHaveLength(1);
  });

  it('reads rows as they are, message by message', async () => {
    const rows = client.db(database).collection('many');
    await rows.insertMany(Array.from({ length: 250 }, (_, i) => ({ _id: i as never, sub: { list: [i] } })));
    const cursor = rows.find({}, { raw: true, batchSize: 100, sort: { _id: 1 } }) as unknown as FindCursor<Buffer>;
    const publicly = jest.spyOn(cursor, 'readBufferedDocuments');
    const read: Buffer[][] = [];
    for (let next = await nextRows(cursor); next.length > 0; next = await nextRows(cursor)) {
      read.push(next);
      askFor(cursor, 120);
    }
    expect(read.map(({ length }) => length)).toEqual([100, 120, 30]);
    expect(read.flat().map((row) => BSON.deserialize(row))).toEqual(
      Array.from({ length: 250 }, (_, i) => ({ _id: i, sub: { list: [i] } })),
    );
    expect(publicly).not.toHaveBeenCalled();
    const none = rows.find({ _id: -1 as never }, { raw: true }) as unknown as FindCursor<Buffer>;
    expect(await nextRows(none)).toEqual([]);
  });

  it('lets pools look after themselves less often', async () => {
    interface Pools {
      topology: { s: { servers: Map<string, { pool: { options: Document } }> } };
    }
    await using calm = new MongoClient(sharedMongo('destination'));
    calmPools(calm);
    await calm.connect();
    const pools = [...(calm as unknown as Pools).topology.s.servers.values()].map(({ pool }) => pool);
    expect(pools.map(({ options }) => options['minPoolSizeCheckFrequencyMS'] as number)).toEqual([5_000]);
  });

  it('has a way through the public interface', async () => {
    const db = client.db(database);
    const row = Buffer.from(BSON.serialize({ _id: 2, long: Long.fromNumber(5), double: new BSON.Double(1) }));
    await db.command({ insert: 'public', documents: decodedDocuments([row]) });
    const [stored] = (await db.collection('public').find({}, { raw: true }).toArray()) as unknown as Buffer[];
    expect(Buffer.compare(stored!, row)).toBe(0);
  });

  it('lets a session have a given id and number, and never lends it to others', async () => {
    const id = new Binary(new UUID().buffer, Binary.SUBTYPE_UUID);
    const seen: Document[] = [];
    const watched = await new MongoClient(sharedMongo('destination'), { monitorCommands: true }).connect();
    watched.on('commandStarted', ({ command }) => seen.push(command));
    try {
      const session = watched.startSession({ causalConsistency: false });
      fixSession(session, id, 1_000);
      await session.withTransaction(() =>
        watched
          .db(database)
          .collection('rows')
          .updateOne({ _id: 9 as never }, { $set: { a: 1 } }, { session }),
      );
      const update = seen.find((command) => command['update'] === 'rows');
      expect((update?.['lsid'] as { id: Binary }).id.toString('hex')).toBe(id.toString('hex'));
      expect(String(update?.['txnNumber'])).toBe('1001');
      await session.endSession();
      seen.length = 0;
      await watched.db(database).collection('rows').findOne({});
      expect((seen[0]?.['lsid'] as { id: Binary }).id.toString('hex')).not.toBe(id.toString('hex'));
    } finally {
      await watched.close();
    }
  });
});
