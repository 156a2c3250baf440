import { once } from 'node:events';
import { MongoClient } from 'mongodb';
import { Deployment } from '../../src/connectors/mongodb/source/deployment';

describe('a question to the oplog whose asker waits no longer', () => {
  const silent = new MongoClient('mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=20');
  const deployment = new Deployment(silent);
  afterAll(() => silent.close());

  test.each([
    ['window', (signal: AbortSignal) => deployment.window(signal)],
    ['oldest', (signal: AbortSignal) => deployment.oldest(signal)],
    ['oldestLately', (signal: AbortSignal) => deployment.oldestLately(signal)],
  ])('ends in the words of replication: %s', async (_, question) => {
    const signal = AbortSignal.timeout(1);
    await once(signal, 'abort');
    await expect(question(signal)).rejects.toMatchObject({
      name: 'ReplicationError',
      kind: 'retry',
      code: 'cancelled',
    });
  });
});
