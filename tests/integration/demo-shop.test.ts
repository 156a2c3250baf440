import { MongoClient } from 'mongodb';
import { Writer } from '../../src/cli/demo/writer';
import { eventually } from '../support/eventually';
import { privateMongo } from '../support/servers';

test('the shop of the demo says that it cannot write, tries again, and says that it writes again', async () => {
  await using mongo = await privateMongo();
  await using client = new MongoClient(mongo.uri, { serverSelectionTimeoutMS: 500 });
  const said: string[] = [];
  const writer = new Writer(client.db('shop'), (line) => said.push(line));
  const until = (count: number): Promise<void> =>
    eventually(() => {
      expect(said).toHaveLength(count);
      return Promise.resolve();
    }, 30_000);
  writer.start();
  try {
    await eventually(() => {
      expect(writer.written.inserts).toBeGreaterThan(0);
      return Promise.resolve();
    });
    await mongo.kill('SIGKILL');
    await until(1);
    await mongo.restart();
    await until(2);
  } finally {
    await writer.stop();
  }
  expect(said).toEqual([
    expect.stringMatching(/^the shop cannot write to the source, and tries again: ./u),
    'the shop writes again',
  ]);
});
