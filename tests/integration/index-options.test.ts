import { randomUUID } from 'node:crypto';
import type { Document } from 'mongodb';
import { RawDocument } from '../../src/bson/raw-document';
import { listIndexes } from '../../src/mongodb/listing';
import type { CoreStream } from '../support/core';
import { eventually } from '../support/eventually';
import { built, finalize, forever, inStep, index, indexes } from './schema-context';

/** Keys in an order that no JavaScript object has. */
const compound = (...fields: readonly string[]): Map<string, number> => new Map(fields.map((field) => [field, 1]));

/** The fields of an index of the destination, in their order. */
async function keyOf(t: CoreStream, name: string): Promise<readonly string[] | undefined> {
  const listed = await listIndexes(t.destinationDb, 'a', RawDocument.EMPTY, forever);
  return listed.find((each) => each.text('name') === name)?.document('key')?.names;
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
    await using t = await inStep();
    await index(t, 'streamed', { key: compound(...wanted) });
    await index(t, 'held', { key: compound(...wanted, 'n'), unique: true });
    await t.catchUp();
    await built(t, 'streamed');
    expect(await keyOf(t, 'streamed')).toEqual(wanted);
    expect(await finalize(t)).toEqual([]);
    expect(await keyOf(t, 'held')).toEqual([...wanted, 'n']);
    await t.copy([`${t.sourceDb.databaseName}.a`]);
    expect(await keyOf(t, 'streamed')).toEqual(wanted);
    expect(await layout(t)).toEqual(['index_held: index held waits for finalize']);
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
