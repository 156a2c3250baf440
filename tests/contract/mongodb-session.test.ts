import { ClientSession, MongoClient } from 'mongodb';
import { newSessionId } from '../../src/connectors/mongodb/destination/ledger/records';
import { FixedSession } from '../../src/connectors/mongodb/destination/ledger/session';
import { sharedMongo, uniqueName } from '../support/servers';

const { signal } = new AbortController();
let client: MongoClient;
beforeAll(async () => {
  client = await new MongoClient(sharedMongo('destination')).connect();
});
afterAll(() => client.close());
afterEach(() => jest.restoreAllMocks());

/** The driver itself stumbles over errors of a socket that it did not make its own. */
const stumbles = (times: number): jest.SpyInstance => {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the session below
  const real = ClientSession.prototype.commitTransaction;
  let left = times;
  return jest.spyOn(ClientSession.prototype, 'commitTransaction').mockImplementation(async function (
    this: ClientSession,
  ) {
    await real.call(this);
    if (--left >= 0) throw new TypeError('error.hasErrorLabel is not a function');
  });
};

const write = async (): Promise<number> => {
  const rows = client.db(uniqueName('dest')).collection('rows');
  await rows.insertOne({ _id: 1 as never, n: 0 });
  const session = new FixedSession(client, { id: newSessionId(), epoch: 1, phase: 'write' });
  try {
    await session.run((transaction) => rows.updateOne({}, { $inc: { n: 1 } }, { session: transaction }), signal);
    return (await rows.findOne())?.['n'] as number;
  } finally {
    session.close();
    await client.db(rows.dbName).dropDatabase();
  }
};

test('a commit that ends in an error of no kind is asked for again, and nothing is written twice', async () => {
  const commits = stumbles(2);
  expect(await write()).toBe(1);
  expect(commits).toHaveBeenCalledTimes(3);
});

test('a commit that is never answered is tried again by the next leg, and is no bug', async () => {
  stumbles(Infinity);
  await expect(write()).rejects.toMatchObject({ kind: 'retry', code: 'not_reachable' });
}, 20_000);
