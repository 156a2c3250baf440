import { CoreStream } from '../support/core';

const forever = new AbortController().signal;

async function leftOver(t: CoreStream): Promise<string[]> {
  const claim = await t.claim('existing');
  const findings = await claim.leftOver(await t.source.namespaces(forever), forever);
  return findings.map(({ code, message }) => `${code}: ${message.replaceAll(t.sourceDb.databaseName, 'db')}`);
}

async function inStep(): Promise<CoreStream> {
  const t = await CoreStream.open({ renameOut: 'keep' });
  await t.sourceDb.collection('rows').insertOne({ _id: 1 as never });
  await t.copy();
  await t.catchUp();
  return t;
}

describe('a database that the source no longer has', () => {
  it('is told where something at the destination is not of the stream', async () => {
    await using t = await inStep();
    await t.destinationDb.collection('by_hand').insertOne({ _id: 1 as never });
    expect(await leftOver(t)).toEqual([]);
    await t.sourceDb.dropDatabase();
    await t.catchUp();
    expect(await leftOver(t)).toEqual([
      'databases_left_over: the source no longer has these databases, and the destination still has them, with what this stream has not made: db (by_hand)',
    ]);
    await t.destinationDb.collection('by_hand').drop();
    expect(await leftOver(t)).toEqual([]);
  });

  it('is none while the source has something in it, views too', async () => {
    await using t = await inStep();
    await t.destinationDb.collection('by_hand').insertOne({ _id: 1 as never });
    await t.sourceDb.command({ create: 'v', viewOn: 'rows', pipeline: [] });
    await t.sourceDb.collection('rows').drop();
    await t.catchUp();
    expect(await leftOver(t)).toEqual([]);
  });

  it('is none where rows were kept on purpose', async () => {
    await using t = await inStep();
    const other = t.sourceDb.databaseName + '_other';
    await t.sourceDb.admin().command({
      renameCollection: `${t.sourceDb.databaseName}.rows`,
      to: `${other}.rows`,
    });
    await t.catchUp();
    expect(await t.destinationDb.collection('rows').countDocuments()).toBe(1);
    expect(await leftOver(t)).toEqual([]);
  });
});
