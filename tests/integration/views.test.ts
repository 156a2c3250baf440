import { BSON, type Db, type Document } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';
import { readView, viewOptions } from '../../src/connectors/mongodb/schema/view';
import { derive } from '../../src/core/schema/derive';
import type { Finding } from '../../src/core/model/finding';
import { CoreStream, type CoreOptions } from '../support/core';
import { failPoint } from '../support/fail-point';
import { privateMongo } from '../support/servers';

const forever = new AbortController().signal;

/** A stream that follows a database in which views are made. */
async function inStep(options: CoreOptions = {}, seed: (db: Db) => Promise<unknown> = noViews): Promise<CoreStream> {
  const t = await CoreStream.open(options);
  await t.sourceDb.collection('rows').insertMany([1, 2, 3].map((n) => ({ _id: n as never, n })));
  await seed(t.sourceDb);
  await t.copy();
  await t.catchUp();
  return t;
}

const noViews = (): Promise<void> => Promise.resolve();

const view = (db: Db, create: string, viewOn: string, pipeline: unknown[] = [], options: Document = {}) =>
  db.command({ create, viewOn, pipeline, ...options });

/** Definitions of all views of a database, as bytes: an object would not show in which order fields stand. */
async function views(db: Db): Promise<Record<string, string>> {
  const { cursor } = (await db.command({ listCollections: 1, filter: { type: 'view' } }, { raw: true })) as {
    cursor: Buffer;
  };
  const { firstBatch } = BSON.deserialize(cursor, { fieldsAsRaw: { firstBatch: true } }) as {
    firstBatch: Buffer[];
  };
  return Object.fromEntries(
    firstBatch.map((bytes) => {
      const { name, options } = BSON.deserialize(bytes, { raw: true }) as { name: string; options: Buffer };
      const definition = readView(RawDocument.from(options));
      return [name, definition === null ? 'none' : viewOptions(definition).bytes.toString('hex')];
    }),
  );
}

const names = async (db: Db): Promise<string[]> => Object.keys(await views(db)).sort();

async function derived(t: CoreStream): Promise<readonly Finding[]> {
  return derive(t.source, await t.source.namespaces(forever), await t.claim('existing'), forever);
}

const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);

async function expectSameViews(t: CoreStream): Promise<void> {
  expect(await views(t.destinationDb)).toEqual(await views(t.sourceDb));
}

async function layout(t: CoreStream): Promise<string[]> {
  const verification = t.destination.verification(t.id, 'run');
  return codes(await verification.layout(await t.source.namespaces(forever), () => true, forever)).sort();
}

describe('views of the source', () => {
  it('are made as they are, byte for byte, with their collation, and answer alike', async () => {
    const sort = new Map([['$sort', new Map([['n', 1], ['10', -1]])]]); // prettier-ignore
    await using t = await inStep({}, async (db) => {
      await view(db, 'a_on_b', 'b', [{ $match: { n: { $gte: 2 } } }]);
      await view(db, 'b', 'rows', [sort], { collation: { locale: 'en', strength: 2 } });
      await view(db, 'joined', 'rows', [{ $lookup: { from: 'rows', localField: 'n', foreignField: 'n', as: 'x' } }]);
    });
    expect(await names(t.destinationDb)).toEqual(['a_on_b', 'b', 'joined']);
    // What a view is computed from is made first: some servers check it, and its collation.
    const made = t.about.filter((_name, at) => t.events[at] === 'view_made').map((name) => String(name).split('.')[1]);
    expect(made.indexOf('b')).toBeLessThan(made.indexOf('a_on_b'));
    await expectSameViews(t);
    await t.expectSame();
    expect(await layout(t)).toEqual([]);
  });

  it('are followed: made, changed and dropped while rows flow', async () => {
    await using t = await inStep({}, (db) => view(db, 'old', 'rows'));
    await view(t.sourceDb, 'new', 'rows', [{ $match: { n: 1 } }]);
    await t.sourceDb.collection('old').drop();
    await t.catchUp();
    expect(await names(t.destinationDb)).toEqual(['new']);
    await t.sourceDb.collection('new').drop();
    await view(t.sourceDb, 'new', 'rows', [{ $match: { n: 2 } }]);
    await t.sourceDb.collection('rows').insertOne({ _id: 4 as never, n: 2 });
    await t.catchUp();
    await expectSameViews(t);
    await t.expectSame();
    // A leg begins with a look of its own, for sources that report nothing of views.
    await t.sourceDb.collection('new').drop();
    await view(t.sourceDb, 'old', 'rows');
    expect(await derived(t)).toEqual([]);
    expect(await names(t.destinationDb)).toEqual(['old']);
  });

  it('stay where a list does not tell of them: of another database, or no longer selected', async () => {
    await using t = await inStep({}, (db) => view(db, 'v', 'rows'));
    const claim = await t.claim('existing');
    await claim.derive({ list: [], covers: () => false }, forever);
    expect(await names(t.destinationDb)).toEqual(['v']);
    await claim.derive({ list: [], covers: () => true }, forever);
    expect(await names(t.destinationDb)).toEqual([]);
  });

  it('are no failure where what they are computed from is missing, or they stand in a circle', async () => {
    await using t = await inStep({}, async (db) => {
      await view(db, 'nowhere', 'missing');
      // A server may refuse the circle itself.
      await view(db, 'c1', 'c2');
      await view(db, 'c2', 'c1').catch(() => undefined);
    });
    await expectSameViews(t);
    await t.sourceDb.collection('rows').insertOne({ _id: 4 as never });
    await t.catchUp();
    expect(await t.destinationDb.collection('rows').countDocuments()).toBe(4);
    // They go with their database.
    await t.sourceDb.dropDatabase();
    await t.catchUp();
    expect(await names(t.destinationDb)).toEqual([]);
  });

  it('make way for a collection of the same name, and take its place', async () => {
    await using t = await inStep({}, (db) => view(db, 'x', 'rows'));
    await t.sourceDb.collection('x').drop();
    await t.sourceDb.collection('x').insertOne({ _id: 1 as never });
    await t.catchUp();
    expect(await names(t.destinationDb)).toEqual([]);
    await t.expectSame();
    await t.sourceDb.collection('x').drop();
    await view(t.sourceDb, 'x', 'rows');
    await t.catchUp();
    await expectSameViews(t);
    await t.expectSame();
    // The collection of the stream is in the way for as long as its drop is still to come: that is nothing to tell.
    expect(t.events).not.toContain('derived_left');
  });

  it('have the names that the stream gives; what would reach into another database is told and not made', async () => {
    const renames = (database: string) => ({
      [`${database}.*`]: `${database}.*_eu`,
      [`${database}.apart`]: `${database}_other.apart`,
    });
    await using t = await inStep({ renames }, async (db) => {
      await view(db, 'v', 'rows', [{ $unionWith: 'rows' }]);
      await view(db, 'apart', 'rows');
    });
    const [made] = await t.destinationDb.listCollections({ type: 'view' }, { nameOnly: false }).toArray();
    expect(made).toMatchObject({ name: 'v_eu', options: { viewOn: 'rows_eu', pipeline: [{ $unionWith: 'rows_eu' }] } });
    expect(await layout(t)).toEqual(['view_apart']);
    expect(await derived(t)).toMatchObject([{ code: 'view_apart', namespace: `${t.sourceDb.databaseName}.apart` }]);
    expect(await names(t.destinationDb)).toEqual(['v_eu']);
  });
});

describe('what is at the destination already', () => {
  it('is left as it is where it is another view, until it is out of the way', async () => {
    await using t = await inStep();
    await view(t.destinationDb, 'v', 'rows', [{ $match: { by: 'hand' } }]);
    const before = await views(t.destinationDb);
    await view(t.sourceDb, 'v', 'rows');
    await t.catchUp();
    expect(t.events).toContain('derived_left');
    expect(codes(await derived(t))).toEqual(['view_differs']);
    expect(await views(t.destinationDb)).toEqual(before);
    expect(await layout(t)).toEqual(['view_differs']);
    await t.destinationDb.collection('v').drop();
    expect(await layout(t)).toEqual(['view_missing']);
    expect(await derived(t)).toEqual([]);
    await expectSameViews(t);
  });

  it('is taken for the stream’s own where it is the same view, and no longer once a person has changed it', async () => {
    await using t = await inStep({}, async (db) => {
      for (const name of ['same', 'changed', 'taken']) await view(db, name, 'rows');
    });
    await t.destinationDb.collection('changed').drop();
    await view(t.destinationDb, 'changed', 'rows', [{ $match: { by: 'hand' } }]);
    await t.destinationDb.collection('same').drop();
    await view(t.destinationDb, 'same', 'rows');
    // A collection that the stream did not make.
    await t.destinationDb.collection('taken').drop();
    await t.destinationDb.collection<{ _id: string }>('taken').insertOne({ _id: 'mine' });
    expect(codes(await derived(t))).toEqual(['view_differs', 'view_in_the_way']);
    expect(await layout(t)).toEqual(['view_differs', 'view_in_the_way']);
    for (const name of ['same', 'changed', 'taken']) await t.sourceDb.collection(name).drop();
    await t.catchUp();
    expect(await names(t.destinationDb)).toEqual(['changed']);
    expect(await t.destinationDb.collection('taken').countDocuments()).toBe(1);
    expect(await layout(t)).toEqual([]);
  });
});

describe('a view that the destination refuses', () => {
  it('holds up no rows; what a person makes instead is left alone; one whose making got no answer is the stream’s', async () => {
    await using server = await privateMongo();
    await using t = await inStep({ destinationUri: server.uri });
    {
      await using _refusing = await failPoint(server.uri, t.id, { failCommands: ['create'], errorCode: 40324 });
      await view(t.sourceDb, 'v', 'rows');
      await t.sourceDb.collection('rows').insertOne({ _id: 4 as never });
      await t.catchUp();
      expect(codes(await derived(t))).toEqual(['view_refused']);
    }
    expect(await t.destinationDb.collection('rows').countDocuments()).toBe(4);
    await view(t.destinationDb, 'v', 'rows', [{ $match: { by: 'hand' } }]);
    const before = await views(t.destinationDb);
    expect(codes(await derived(t))).toEqual(['view_differs']);
    expect(await views(t.destinationDb)).toEqual(before);
    await t.destinationDb.collection('v').drop();
    {
      await using _lost = await failPoint(server.uri, t.id, { failCommands: ['create'], closeConnection: true });
      await expect(t.catchUp()).rejects.toThrow();
    }
    // As if it had been made before the connection was lost, and changed at the source since.
    await view(t.destinationDb, 'v', 'rows');
    await t.sourceDb.collection('v').drop();
    await view(t.sourceDb, 'v', 'rows', [{ $match: { n: 1 } }]);
    await t.catchUp();
    await expectSameViews(t);
    // Changed at the source, and its worker ended before the destination was asked for that.
    await t.sourceDb.collection('v').drop();
    await view(t.sourceDb, 'v', 'rows', [{ $match: { n: 2 } }]);
    {
      const commands = ['create', 'collMod', 'drop'];
      await using _lost = await failPoint(server.uri, t.id, { failCommands: commands, closeConnection: true });
      await expect(t.catchUp()).rejects.toThrow();
    }
    await t.sourceDb.collection('v').drop();
    await view(t.sourceDb, 'v', 'rows', [{ $match: { n: 3 } }]);
    await t.catchUp();
    await expectSameViews(t);
  });

  it('holds up no rows where the user lacks the privilege to make, change or drop it', async () => {
    await using server = await privateMongo();
    await using t = await inStep({ destinationUri: server.uri }, (db) => view(db, 'old', 'rows'));
    const unauthorized = { failCommands: ['create', 'drop', 'collMod'], errorCode: 13 };
    {
      await using _refusing = await failPoint(server.uri, t.id, unauthorized);
      await view(t.sourceDb, 'new', 'rows');
      await t.sourceDb.collection('old').drop();
      await t.sourceDb.collection('rows').insertOne({ _id: 4 as never });
      await t.catchUp();
      expect(await t.destinationDb.collection('rows').countDocuments()).toBe(4);
      expect(codes(await derived(t))).toEqual(['view_stays', 'view_refused']);
      expect(await names(t.destinationDb)).toEqual(['old']);
    }
    await t.catchUp();
    expect(await names(t.destinationDb)).toEqual(['new']);
    await expectSameViews(t);
  });
});
