import { failPoint } from '../support/fail-point';
import { privateMongo } from '../support/servers';
import { eventually } from '../support/eventually';
import { failure } from '../contract/destination-suite';
import { built, finalize, forever, inStep, index, indexes, logged, options } from './schema-context';

describe('indexes of the source', () => {
  it('are built while rows flow, those of which the stream is afraid at its end', async () => {
    await using t = await inStep();
    await index(t, 'n');
    await index(t, 'unique', { unique: true, sparse: true });
    await index(t, 'at', { expireAfterSeconds: 1000 });
    await t.sourceDb.collection('a').insertOne({ _id: 100 as never });
    await t.catchUp();
    await built(t, 'n');
    expect(await finalize(t)).toEqual([]);
    expect(await indexes(t)).toMatchObject({
      n: { key: { n: 1 } },
      unique: { unique: true },
      at: { expireAfterSeconds: 1000 },
    });
    await t.expectSame();
  });

  it('go with those that are dropped, built or held back, and others of the destination stay', async () => {
    await using t = await inStep();
    await index({ sourceDb: t.destinationDb }, 'own');
    await index(t, 'n');
    await index(t, 'unique', { unique: true, sparse: true });
    await t.catchUp();
    await built(t, 'n', 'own');
    await t.sourceDb.collection('a').dropIndexes();
    await t.catchUp();
    expect(Object.keys(await indexes(t))).toEqual(['own']);
    expect(await finalize(t)).toEqual([]);
    expect(Object.keys(await indexes(t))).toEqual(['own']);
  });

  it('are in force at once where that is wanted', async () => {
    await using t = await inStep({ uniqueIndexes: 'in_force' });
    await index(t, 'n', { unique: true });
    await t.catchUp();
    await built(t, 'n');
    expect(await indexes(t)).toMatchObject({ n: { unique: true } });
  });

  it('are taken as they are by now, after they were dropped and made anew', async () => {
    await using t = await inStep();
    await index(t, 'n');
    await t.catchUp();
    await built(t, 'n');
    await t.sourceDb.collection('a').dropIndex('n');
    await index(t, 'n', { key: { n: -1 } });
    await t.catchUp();
    await t.running(() => eventually(async () => expect(await indexes(t)).toMatchObject({ n: { key: { n: -1 } } })));
  });

  it('that are asked for again while they are built are there in the end', async () => {
    await using server = await privateMongo();
    await using t = await inStep({ destinationUri: server.uri });
    await index(t, 'n');
    await t.catchUp();
    await built(t, 'n');
    const before = t.events.filter((event) => event === 'schema_change').length;
    // The drop sees the new one at the source already; what makes it comes while that is built, and begins anew.
    await using _slow = await failPoint(server.uri, t.id, {
      failCommands: ['createIndexes', 'dropIndexes'],
      blockConnection: true,
      blockTimeMS: 500,
    });
    await t.sourceDb.collection('a').dropIndex('n');
    await index(t, 'n', { key: { n: -1 } });
    await t.running(async () => {
      await eventually(() => {
        expect(t.events.filter((event) => event === 'schema_change').length).toBe(before + 2);
        return Promise.resolve();
      });
      await eventually(async () => expect(await indexes(t)).toMatchObject({ n: { key: { n: -1 } } }));
    });
  });

  it('that the destination refuses hold up no rows', async () => {
    await using server = await privateMongo();
    await using t = await inStep({ destinationUri: server.uri });
    await using _refusing = await failPoint(server.uri, t.id, {
      failCommands: ['createIndexes'],
      errorCode: 67,
    });
    await index(t, 'n');
    await t.sourceDb.collection('a').insertOne({ _id: 100 as never });
    await logged(t, 'index_refused');
    await t.catchUp();
    await t.expectSame();
    expect(await indexes(t)).toEqual({});
  });

  it('whose build a leg did not live to see are built by the next', async () => {
    await using server = await privateMongo();
    await using t = await inStep({ destinationUri: server.uri });
    {
      await using _away = await failPoint(server.uri, t.id, {
        failCommands: ['createIndexes'],
        errorCode: 11600,
      });
      await index(t, 'n');
      await t.catchUp();
      await logged(t, 'index_build_started');
      expect(await indexes(t)).toEqual({});
    }
    await built(t, 'n');
  });

  it('are not brought back to a collection that is dropped meanwhile', async () => {
    await using t = await inStep();
    await index(t, 'n');
    await t.sourceDb.collection('a').drop();
    await t.catchUp();
    await t.running(() =>
      eventually(async () => expect(await t.destinationDb.listCollections().toArray()).toEqual([])),
    );
    await t.expectSame();
  });
});

describe('options that collMod changes', () => {
  const validator = { n: { $gte: 0 } };

  it('are those of the target, rules and the end of rules', async () => {
    await using t = await inStep();
    await t.sourceDb.command({ collMod: 'a', validator, validationAction: 'warn' });
    await t.catchUp();
    expect(await options(t)).toMatchObject({ validator, validationAction: 'warn' });
    await t.sourceDb.command({ collMod: 'a', validator: {} });
    // What the rule refuses passes, as it did at the source.
    await t.sourceDb.collection('a').insertOne({ _id: 200 as never, n: -1 });
    await t.catchUp();
    expect((await options(t))['validator'] ?? {}).toEqual({});
    await t.expectSame();
  });

  it('are those of a target that is made anew', async () => {
    await using t = await inStep();
    await t.sourceDb.command({ collMod: 'a', validator });
    await t.catchUp();
    const claim = await t.claim('existing');
    await claim.discard(`${t.sourceDb.databaseName}.a`, forever);
    expect(await options(t)).toMatchObject({ validator });
  });

  it('hide an index, and lengthen what is held back', async () => {
    await using t = await inStep();
    await index(t, 'n');
    await index(t, 'at', { expireAfterSeconds: 1000 });
    await t.catchUp();
    await built(t, 'n');
    await t.sourceDb.command({ collMod: 'a', index: { name: 'n', hidden: true } });
    await t.sourceDb.command({ collMod: 'a', index: { name: 'at', expireAfterSeconds: 5000 } });
    await t.catchUp();
    const [hidden] = (await t.sourceDb.collection('a').indexes()).filter(({ name }) => name === 'n');
    // As the source shows it: a server may not know of hiding.
    expect((await indexes(t))['n']?.['hidden']).toEqual(hidden?.hidden);
    expect(await finalize(t)).toEqual([]);
    expect(await indexes(t)).toMatchObject({ at: { expireAfterSeconds: 5000 } });
  });
});

describe('what the destination cannot express', () => {
  it('is told and left out', async () => {
    await using t = await inStep();
    await t.sourceDb.createCollection('series', { timeseries: { timeField: 'at' } });
    await t.sourceDb.createCollection('capped', { capped: true, size: 65_536 });
    await t.catchUp();
    expect(t.events.filter((event) => event === 'schema_change_ignored')).toHaveLength(1);
    const made = await t.destinationDb.listCollections({}, { nameOnly: true }).toArray();
    expect(made.map(({ name }) => name).sort()).toEqual(['a', 'capped']);
  });

  it('waits for a person where that is wanted, and goes on once it is not', async () => {
    await using t = await inStep({ unsupported: 'needs_attention' });
    await t.sourceDb.createCollection('series', { timeseries: { timeField: 'at' } });
    const error = await failure(t.catchUp());
    expect([error.kind, error.code]).toEqual(['needs_attention', 'schema_change_unsupported']);
    expect(error.remedy).toContain('unsupported_schema_change');
    t.unsupported = 'ignore';
    await t.sourceDb.collection('a').insertOne({ _id: 100 as never });
    await t.catchUp();
    expect(await t.destinationDb.collection('a').countDocuments()).toBe(21);
  });
});

describe('a stream that goes on after it was finalized', () => {
  it('holds back again what expires rows, and nothing that was made by hand', async () => {
    await using t = await inStep();
    await index(t, 'at', { expireAfterSeconds: 1000 });
    await index({ sourceDb: t.destinationDb }, 'own', { expireAfterSeconds: 9000 });
    await t.catchUp();
    expect(await finalize(t)).toEqual([]);
    expect(Object.keys(await indexes(t)).sort()).toEqual(['at', 'own']);
    await t.catchUp();
    expect(Object.keys(await indexes(t))).toEqual(['own']);
    expect(await finalize(t)).toEqual([]);
    expect(Object.keys(await indexes(t)).sort()).toEqual(['at', 'own']);
  });

  it('puts nothing in force in a collection that is not its own', async () => {
    await using t = await inStep();
    await index(t, 'n');
    await t.destinationDb.collection('a').drop();
    await t.destinationDb.createCollection('a');
    expect(await finalize(t)).toMatchObject([{ code: 'replaced', namespace: `${t.sourceDb.databaseName}.a` }]);
    expect(await indexes(t)).toEqual({});
  });
});

describe('what was kept of a collection that was renamed away', () => {
  it('is not mixed with the rows of another that takes its name', async () => {
    await using t = await inStep({ collections: ['a'], renameOut: 'keep' });
    await t.sourceDb.collection('a').rename('elsewhere');
    await t.catchUp();
    expect(await t.destinationDb.collection('a').countDocuments()).toBe(20);
    await t.sourceDb.collection('a').insertOne({ _id: 1 as never, other: true });
    const error = await failure(t.catchUp());
    expect([error.kind, error.code]).toEqual(['needs_attention', 'kept_in_the_way']);
    expect(await t.destinationDb.collection('a').countDocuments()).toBe(20);
    await t.destinationDb.collection('a').rename('kept');
    await t.catchUp();
    expect(await t.destinationDb.collection('a').find().toArray()).toEqual([{ _id: 1, other: true }]);
    expect(await t.destinationDb.collection('kept').countDocuments()).toBe(20);
  });
});
