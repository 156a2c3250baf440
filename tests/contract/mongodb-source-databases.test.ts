import { sharedMongo, uniqueName } from '../support/servers';
import { MongodbFixture } from './source-mongodb';

const forever = new AbortController().signal;

/** Databases of one name each, of which the source follows all. */
async function told(
  make: (t: MongodbFixture, name: (suffix: string) => string) => Promise<unknown>,
  exclude: (name: (suffix: string) => string) => readonly string[] = () => [],
): Promise<string[]> {
  const prefix = uniqueName('dbs');
  const name = (suffix: string): string => `${prefix}_${suffix}`;
  const t = await MongodbFixture.open(sharedMongo(), {
    wholeDeployment: true,
    collections: [`${prefix}_*.*`],
    exclude: [...exclude(name)],
  });
  try {
    await make(t, name);
    const findings = await t.source.inspect(forever);
    const found = findings.filter(({ code }) => code === 'databases_without_rows');
    return found.map(({ message }) => message.replaceAll(prefix, 'db'));
  } finally {
    for (const suffix of ['a', 'b', 'c', 'd']) await t.client.db(name(suffix)).dropDatabase();
    await t[Symbol.asyncDispose]();
  }
}

describe('databases of the source of which no row is copied', () => {
  it('are told, with what is in them', async () => {
    const messages = await told(async ({ client }, name) => {
      await client.db(name('a')).collection('rows').insertOne({});
      await client.db(name('a')).command({ create: 'view', viewOn: 'rows', pipeline: [] });
      await client.db(name('b')).command({ create: 'view', viewOn: 'missing', pipeline: [] });
      await client.db(name('c')).createCollection('series', { timeseries: { timeField: 'at' } });
      await client
        .db(name('d'))
        .collection('system.js')
        .insertOne({ _id: 'f' as never, value: 1 });
    });
    expect(messages).toEqual([
      'no row is copied of these databases of the source, because they hold no collection: db_b (only views), db_d (only system.js)',
    ]);
  });

  it('are none where a collection was left out on purpose, or one is there', async () => {
    const messages = await told(
      async ({ client }, name) => {
        await client.db(name('a')).collection('rows').insertOne({});
        await client.db(name('b')).collection('secret').insertOne({});
      },
      (name) => [`${name('b')}.secret`],
    );
    expect(messages).toEqual([]);
  });
});
