import { BSON, type Db, type Document } from 'mongodb';
import { systemClock } from '../../src/host/clock';
import { Limiter } from '../../src/core/write/limiter';
import { waitFor } from '../../src/servers/wait';
import { Proxy } from '../chaos/proxy';
import { silentMeter } from '../support/changes';
import { CoreStream, type CoreOptions } from '../support/core';
import { Pipeline } from '../support/pipeline';
import { sharedMongo } from '../support/servers';

const forever = new AbortController().signal;
const at = (second: number): Date => new Date(1_700_000_000_000 + second * 1_000);

/** Rows of which several share a time; the last of them one that has more rows than a batch. */
const measured = (count: number): Document[] =>
  Array.from({ length: count }, (_, n) => ({
    _id: n,
    at: at(Math.min(n >> 2, count >> 3)),
    of: { sensor: n % 5 },
    value: n / 2,
  }));

async function seed(db: Db, count: number): Promise<void> {
  await db.createCollection('measured', {
    timeseries: { timeField: 'at', metaField: 'of', granularity: 'minutes' },
  });
  const rows = measured(count);
  for (let from = 0; from < count; from += 2_000)
    await db.collection('measured').insertMany(rows.slice(from, from + 2_000));
  await db.collection('measured').createIndex({ value: 1 }, { name: 'by_value' }, {});
  await db.collection('plain').insertMany([1, 2, 3].map((_id) => ({ _id: _id as never })));
}

/** Rows in an order of their own, with their fields in one order: a server keeps neither. */
async function rows(db: Db, name = 'measured'): Promise<string[]> {
  const found = await db.collection(name).find().toArray();
  const entries = found.map((row) => Object.entries(row).sort(([a], [b]) => a.localeCompare(b)));
  return entries.map((row) => BSON.EJSON.stringify(Object.fromEntries(row))).sort();
}

async function expectSameSeries(source: Db, destination: Db): Promise<void> {
  const [here, there] = await Promise.all([rows(source), rows(destination)]);
  expect(there.length).toBe(here.length);
  expect(there).toEqual(here);
}

async function copied(options: CoreOptions = {}, count = 1_200): Promise<CoreStream> {
  const t = await CoreStream.open({ batchSize: 200, ...options });
  await seed(t.sourceDb, count);
  await t.copy();
  return t;
}

const kindOf = async (db: Db, name = 'measured'): Promise<string> => {
  const [found] = await db.listCollections({ name }).toArray();
  if (found === undefined) return 'nothing';
  return 'options' in found && 'timeseries' in found.options ? 'timeseries' : 'collection';
};

describe('a time series', () => {
  it('is copied once, and the other collections go on being followed', async () => {
    await using t = await copied();
    await t.catchUp();
    await expectSameSeries(t.sourceDb, t.destinationDb);
    expect(await kindOf(t.destinationDb)).toBe('timeseries');
    expect(await t.destinationDb.collection('measured').indexExists('by_value')).toBe(true);
    expect(t.events).toContain('copy_once.done');

    const before = await rows(t.destinationDb);
    await t.sourceDb.collection('measured').insertOne({ at: at(5), later: true });
    await t.sourceDb.collection('plain').insertOne({ _id: 4 as never });
    await t.sourceDb
      .collection('measured')
      .deleteMany({ 'of.sensor': 1 })
      .catch(() => undefined);
    await t.catchUp();
    // Some servers report changes of a time series all the same.
    expect(await rows(t.destinationDb)).toEqual(before);
    expect(await rows(t.destinationDb, 'plain')).toEqual(await rows(t.sourceDb, 'plain'));
    expect(t.events.filter((event) => event === 'copy_once.begun')).toHaveLength(1);
  });

  it('is compared by its options and indexes, not by its rows', async () => {
    await using t = await copied({}, 20);
    await t.catchUp();
    const verification = t.destination.verification(t.id, 'run');
    const layout = async () =>
      (await verification.layout(await t.source.namespaces(forever), () => true, forever)).map(({ code }) => code);
    expect(await layout()).toEqual([]);
    await t.destinationDb.collection('measured').dropIndex('by_value');
    expect(await layout()).toEqual(['index_missing']);
    await t.destinationDb.collection('measured').drop();
    expect(await layout()).toEqual(['target_missing']);
  });

  it('is gone on with where a leg was cut off, and has every row once', async () => {
    const limiter = new Limiter(() => ({ eventsPerSecond: 2_000, bytesPerSecond: 0 }), silentMeter, systemClock);
    await using t = await copied({ limiter }, 3_000);
    for (const enough of [500, 1_700, 2_500]) {
      const stop = new AbortController();
      const leg = t.leg({ signal: stop.signal });
      await waitFor(
        async () => (await t.destinationDb.collection('measured').countDocuments()) >= enough || undefined,
        {
          what: `${enough} rows`,
          timeoutMs: 30_000,
        },
      );
      stop.abort();
      await leg;
    }
    await t.catchUp();
    await expectSameSeries(t.sourceDb, t.destinationDb);
  });

  it('has every row once where inserts were applied and their answers lost', async () => {
    await using proxy = await Proxy.open(Number(new URL(sharedMongo('destination')).port), { framed: true });
    await using t = await copied({ destinationUri: `mongodb://127.0.0.1:${proxy.port}/?directConnection=true` }, 2_000);
    let inserts = 0;
    // Every second answer: for longer than a leg is patient with the third one.
    proxy.rule = (command) => (command === 'insert' && ++inserts % 2 === 0 ? 'drop_reply' : 'pass');
    const until = await t.source.currentPosition(forever);
    for (let reached = false; !reached;)
      reached = await t.leg({ until }).then(
        ({ reason }) => reason === 'reached',
        () => false,
      );
    proxy.rule = null;
    expect(proxy.done.drop_reply).toBeGreaterThan(0);
    await expectSameSeries(t.sourceDb, t.destinationDb);
  });

  it('is dropped with that of the source, and a collection may take its name', async () => {
    await using t = await copied({}, 20);
    await t.catchUp();
    await t.sourceDb.collection('measured').drop();
    await t.catchUp();
    expect(await kindOf(t.destinationDb)).toBe('nothing');
    await t.sourceDb.collection('measured').insertOne({ _id: 1 as never });
    await t.catchUp();
    expect(await kindOf(t.destinationDb)).toBe('collection');
    await t.sourceDb.collection('measured').insertOne({ _id: 2 as never });
    await t.catchUp();
    await t.expectSame();
  });

  it('is copied anew where its target was taken away', async () => {
    await using t = await copied({}, 20);
    await t.catchUp();
    await t.destinationDb.collection('measured').drop();
    await t.catchUp();
    expect(await kindOf(t.destinationDb)).toBe('timeseries');
    await expectSameSeries(t.sourceDb, t.destinationDb);
  });

  it('has the name that the stream gives it', async () => {
    const renames = (database: string) => ({ [`${database}.measured`]: `${database}.sensors` });
    await using t = await copied({ renames }, 20);
    await t.catchUp();
    expect(await kindOf(t.destinationDb, 'sensors')).toBe('timeseries');
    expect(await rows(t.destinationDb, 'sensors')).toEqual(await rows(t.sourceDb));
  });
});

describe('a stream with a time series', () => {
  it('shows the finding, goes on after its worker was killed, and adds with a restart what came later', async () => {
    await using t = await Pipeline.open({
      seed: (db) => seed(db, 3_000),
      stream: { limits: { events_per_second: 800 }, batch_size: 200 },
    });
    await t.start();
    const count = () => t.destination.collection('measured').countDocuments();
    await waitFor(async () => (await count()) >= 600 || undefined, { what: 'a part of the copy', timeoutMs: 60_000 });
    await t.replaceWorker('SIGKILL');
    expect(await count()).toBeLessThan(3_000);
    await t.source.collection('plain').insertOne({ _id: 4 as never });
    await t.caughtUp(120_000);
    await expectSameSeries(t.source, t.destination);
    expect(await rows(t.destination, 'plain')).toEqual(await rows(t.source, 'plain'));
    const name = `${t.source.databaseName}.measured`;
    const { findings } = await t.status();
    expect(findings).toContainEqual(expect.objectContaining({ code: 'copied_once', namespace: name }));

    await t.source.collection('measured').insertMany([at(-5), at(7)].map((time) => ({ at: time, late: true })));
    await t.restart();
    await t.caughtUp(120_000);
    await expectSameSeries(t.source, t.destination);
    await t.finalize();
    expect(await t.result()).toMatchObject({ status: 'finalized' });
    await expectSameSeries(t.source, t.destination);
  });

  it('does not write into one that holds rows already, until it is told what becomes of them', async () => {
    await using t = await Pipeline.open({ seed: (db) => seed(db, 20) });
    await t.destination.createCollection('measured', {
      timeseries: { timeField: 'at', metaField: 'of', granularity: 'minutes' },
    });
    const [first] = measured(1);
    await t.destination.collection('measured').insertMany([first!, { at: at(0), own: true }] as never[]);
    await t.start();
    expect((await t.needsAttention('destination_not_empty')).failure?.message).toContain('measured');
    await t.reconfigure({ stream: { snapshot: { on_existing: 'merge' } } });
    await t.resume();
    await t.caughtUp();
    expect(await t.destination.collection('measured').countDocuments()).toBe(21);
  });
});
