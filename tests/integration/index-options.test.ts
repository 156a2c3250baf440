import { randomUUID } from 'node:crypto';
import type { Document } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';
import { listIndexes } from '../../src/connectors/mongodb/driver/listing';
import { CoreStream, type CoreOptions } from '../support/core';
import { eventually } from '../support/eventually';
import { failPoint } from '../support/fail-point';
import { ownServer } from '../support/own-servers';
import { built, finalize, forever, inStep, index, indexes } from './schema-context';

/** Keys in an order that no JavaScript object has. */
const compound = (...fields: readonly string[]): Map<string, number> => new Map(fields.map((field) => [field, 1]));

/** The fields of an index of the destination, in their order. */
async function keyOf(t: CoreStream, name: string): Promise<readonly string[] | undefined> {
  const listed = await listIndexes(t.destinationDb, 'a', RawDocument.EMPTY, forever);
  return listed.find((each) => each.text('name') === name)?.document('key')?.names;
}

/** Copies everything, and builds the indexes that the source lists. */
async function copy(t: CoreStream): Promise<void> {
  await t.copy();
  const claim = await t.claim('existing');
  await claim.index(await t.source.namespaces(forever), () => undefined, forever);
}

/** What `verify` says of indexes and options. */
async function layout(t: CoreStream): Promise<readonly string[]> {
  const run = t.destination.verification(t.id, randomUUID());
  const found = await run.layout(await t.source.namespaces(forever), () => true, forever);
  return found.map(({ code, message }) => `${code}: ${message}`);
}

describe('a compound index over fields whose names look like integers', () => {
  const wanted = ['b', '10', '2'];

  it('keeps the order of its fields: in a copy, in the stream and at the end', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.collection('a').insertOne({ n: 1 });
    await index(t, 'copied', { key: compound(...wanted) });
    await copy(t);
    await index(t, 'streamed', { key: compound(...wanted, 'm') });
    await index(t, 'held', { key: compound(...wanted, 'n'), unique: true });
    await t.catchUp();
    await built(t, 'copied', 'streamed');
    expect(await keyOf(t, 'copied')).toEqual(wanted);
    expect(await keyOf(t, 'streamed')).toEqual([...wanted, 'm']);
    expect(await layout(t)).toEqual(['index_held: index held waits for finalize']);
    expect(await finalize(t)).toEqual([]);
    expect(await keyOf(t, 'held')).toEqual([...wanted, 'n']);
  });

  it('that has another order at the destination is seen by verify and mended by finalize', async () => {
    await using t = await inStep();
    await index(t, 'ints', { key: compound(...wanted) });
    await t.catchUp();
    await built(t, 'ints');
    await t.destinationDb.collection('a').dropIndex('ints');
    await index({ sourceDb: t.destinationDb }, 'ints', { key: compound('2', '10', 'b') });
    expect(await layout(t)).toEqual(['index_differs: index ints is another one at the target: key']);
    expect(await finalize(t)).toEqual([]);
    expect(await keyOf(t, 'ints')).toEqual(wanted);
    expect(await layout(t)).toEqual([]);
  });
});

describe('the options of an index that is dropped and made anew while the stream is behind', () => {
  const plain = { key: { at: 1 } };
  it.each<[string, Document, Document]>([
    ['bits of 2d', { key: { g: '2d' }, bits: 20 }, { key: { g: '2d' }, bits: 22 }],
    ['range of 2d', { key: { g: '2d' }, min: -10, max: 10 }, { key: { g: '2d' } }],
    ['version of 2dsphere', { key: { g: '2dsphere' } }, { key: { g: '2dsphere' }, '2dsphereIndexVersion': 2 }],
    [
      'storage engine',
      plain,
      { ...plain, storageEngine: { wiredTiger: { configString: 'prefix_compression=false' } } },
    ],
    ['collation', plain, { ...plain, collation: { locale: 'en', caseLevel: true } }],
    [
      'filter',
      { ...plain, partialFilterExpression: { at: { $gt: 1 } } },
      { ...plain, partialFilterExpression: { at: { $gt: 2 } } },
    ],
    [
      'projection',
      { key: { '$**': 1 }, wildcardProjection: { at: 1 } },
      { key: { '$**': 1 }, wildcardProjection: { n: 1 } },
    ],
  ])('are those of the source in the end: %s', async (_name, before, after) => {
    await using t = await inStep();
    const source = t.sourceDb.collection('a');
    await index(t, 'i', before);
    await t.catchUp();
    await built(t, 'i');
    await source.dropIndex('i');
    await index(t, 'i', after);
    expect(await layout(t)).toEqual([expect.stringContaining('index_differs: index i is another one at the target')]);
    await t.catchUp();
    const wanted = (await source.indexes()).find(({ name }: Document) => name === 'i');
    await t.running(() => eventually(async () => expect((await indexes(t))['i']).toEqual(wanted)));
    expect(await layout(t)).toEqual([]);
  });
});

describe('an index with the simple collation on a collection that has another one', () => {
  const simple = { collation: { locale: 'simple' } };

  it('is one at the destination too, in a copy, in the stream and at the end', async () => {
    await using t = await CoreStream.open();
    await t.sourceDb.createCollection('a', { collation: { locale: 'en', strength: 2 } });
    // One value for the collection, two for the index.
    await t.sourceDb.collection('a').insertMany([{ word: 'a' }, { word: 'A' }]);
    await index(t, 'copied', { ...simple, key: { word: 1, n: 1 } });
    await copy(t);
    await index(t, 'word', { ...simple, unique: true });
    await index(t, 'partial', { ...simple, key: { word: 1 }, partialFilterExpression: { word: { $gt: '' } } });
    await index(t, 'wildcard', { ...simple, key: { '$**': 1 } });
    await index(t, 'inherited');
    await t.catchUp();
    await built(t, 'copied', 'inherited', 'partial', 'wildcard');
    expect(await finalize(t)).toEqual([]);
    const collations = Object.fromEntries(
      Object.entries(await indexes(t)).map(([name, { collation }]) => [name, (collation as Document)['locale']]),
    );
    expect(collations).toEqual({
      copied: 'simple',
      word: 'simple',
      partial: 'simple',
      wildcard: 'simple',
      inherited: 'en',
    });
    expect(await layout(t)).toEqual([]);
  });
});

/** Fail points are of a whole server. */
const server = ownServer();
/** So that nothing can be dropped. */
const never = { failCommands: ['dropIndexes'], errorCode: 67 };

describe('finalize', () => {
  /** A plain index at the destination which the source has made anew since. */
  async function behind(before: Document, after: Document, options: CoreOptions = {}): Promise<CoreStream> {
    const t = await inStep(options);
    await index(t, 'i', { key: { n: 1 }, ...before });
    await t.catchUp();
    await built(t, 'i');
    await t.sourceDb.collection('a').dropIndex('i');
    await index(t, 'i', { key: { n: 1 }, ...after });
    return t;
  }

  it.each<[string, Document]>([
    ['unique', { unique: true }],
    ['expiring', { expireAfterSeconds: 100_000 }],
  ])('makes a plain index %s where it stands, and drops nothing', async (_name, after) => {
    await using t = await behind({}, after, { destinationUri: server() });
    await using _no = await failPoint(server(), t.id, never);
    expect(await finalize(t)).toEqual([]);
    expect((await indexes(t))['i']).toMatchObject(after);
    expect(await layout(t)).toEqual([]);
  });

  it('upgrades what an earlier one left prepared', async () => {
    await using t = await behind({}, { unique: true });
    await t.destinationDb.command({ collMod: 'a', index: { name: 'i', prepareUnique: true } });
    expect(await layout(t)).toEqual(['index_differs: index i is another one at the target: prepareUnique, unique']);
    expect(await finalize(t)).toEqual([]);
    expect((await indexes(t))['i']).toMatchObject({ unique: true });
    expect(await layout(t)).toEqual([]);
  });

  it('leaves the plain index in force where rows share a value, and says so', async () => {
    await using t = await behind({}, { unique: true });
    await t.destinationDb.collection('a').insertOne({ _id: 100 as never, n: 1 });
    const message = expect.stringMatching(/^index i of .*; the plain index of this name goes on serving$/u) as string;
    expect(await finalize(t)).toMatchObject([{ code: 'unique_violation', message }]);
    expect((await indexes(t))['i']?.['prepareUnique'] ?? false).toBe(false);
    // Rows that the stream writes later are not refused.
    await t.destinationDb.collection('a').insertOne({ _id: 101 as never, n: 1 });
    await t.destinationDb.collection('a').deleteMany({ _id: { $gte: 100 as never } });
    expect(await finalize(t)).toEqual([]);
    expect((await indexes(t))['i']).toMatchObject({ unique: true });
  });

  it('builds the new one first where the server cannot change the old one', async () => {
    await using t = await behind({}, { unique: true }, { destinationUri: server() });
    await t.destinationDb.collection('a').insertOne({ _id: 100 as never, n: 1 });
    await using _old = await failPoint(server(), t.id, { failCommands: ['collMod'], errorCode: 40415 });
    const message = expect.stringContaining('the plain index of this name goes on serving') as string;
    expect(await finalize(t)).toMatchObject([{ code: 'unique_violation', message }]);
    expect(Object.keys(await indexes(t))).toEqual(['i']);
    await t.destinationDb.collection('a').deleteOne({ _id: 100 as never });
    // As a worker leaves it that ends in the middle.
    await index({ sourceDb: t.destinationDb }, 'tributary.new.i', { key: { n: 1 }, unique: true });
    expect(await finalize(t)).toEqual([]);
    expect(await indexes(t)).toMatchObject({ i: { unique: true } });
    expect(Object.keys(await indexes(t))).toEqual(['i']);
  });

  it('brings the old one back where the server holds both for one and refuses the new one', async () => {
    await using t = await behind({}, { sparse: true }, { destinationUri: server() });
    await using _full = await failPoint(server(), t.id, { failCommands: ['createIndexes'], errorCode: 85 }, 2);
    const message = expect.stringContaining('the index that was there goes on serving, with another sparse') as string;
    expect(await finalize(t)).toMatchObject([{ code: 'index_failed', message }]);
    expect(await indexes(t)).toEqual({ i: { v: 2, key: { n: 1 }, name: 'i' } });
    expect(await finalize(t)).toEqual([]);
    expect(await indexes(t)).toMatchObject({ i: { sparse: true } });
  });
});

describe('a target that has an old index', () => {
  it('gets the one of the source in its place: of the same name, or of the same key under another one', async () => {
    await using t = await CoreStream.open();
    const [source, target] = [t.sourceDb.collection('a'), t.destinationDb.collection('a')];
    await source.insertOne({ n: 1, m: 1 });
    // Swapped names, another name, other options: what is left of a time that no change tells of.
    await target.createIndexes([
      { key: { n: 1 }, name: 'x' },
      { key: { m: 1 }, name: 'y' },
      { key: { o: 1 }, name: 'old' },
      { key: { p: 1 }, name: 'p' },
      { key: { q: 1 }, name: 'own' },
      { key: { r: 1 }, name: 'own will', expireAfterSeconds: 100_000 },
    ]);
    await source.createIndexes([
      { key: { m: 1 }, name: 'x' },
      { key: { n: 1 }, name: 'y' },
      { key: { o: 1 }, name: 'new' },
      { key: { p: 1 }, name: 'p', sparse: true },
    ]);
    await copy(t);
    expect([...(await layout(t))].sort()).toEqual([
      'index_extra: the target has an index of its own: own',
      'index_extra: the target has an index of its own: own will',
    ]);
    await t.expectSame();
  });
});

describe('two indexes of the source that the destination holds for one', () => {
  it('take no place of each other: the one that is refused is told', async () => {
    await using t = await inStep({ destinationUri: server() });
    await index(t, 'whole', { key: { n: 1 } });
    await index(t, 'part', { key: { n: 1 }, sparse: true });
    await using _older = await failPoint(server(), t.id, { failCommands: ['createIndexes'], errorCode: 85 }, 1);
    await index({ sourceDb: t.destinationDb }, 'whole', { key: { n: 1 } });
    const message = expect.stringMatching(/^index part of /u) as string;
    expect(await finalize(t)).toMatchObject([{ code: 'index_failed', message }]);
    expect(Object.keys(await indexes(t))).toEqual(['whole']);
  });
});

describe('an index that is to be unique in force', () => {
  it('goes on serving as a plain one until it is, and is not dropped', async () => {
    await using t = await inStep({ destinationUri: server(), uniqueIndexes: 'in_force' });
    await index(t, 'n');
    await t.catchUp();
    await built(t, 'n');
    await t.sourceDb.collection('a').dropIndex('n');
    await index(t, 'n', { unique: true });
    await using _no = await failPoint(server(), t.id, never);
    await t.catchUp();
    await t.running(() => eventually(async () => expect(await indexes(t)).toMatchObject({ n: { unique: true } })));
    expect(await layout(t)).toEqual([]);
  });
});
