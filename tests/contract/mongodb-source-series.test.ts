import { BSON, type Document } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';
import { seriesOf } from '../../src/connectors/mongodb/schema/series';
import type { SourceNamespace } from '../../src/core/model/namespace';
import type { RowBatch, Source } from '../../src/core/ports/source';
import { withSource, type MongodbFixture } from './source-mongodb';

const forever = new AbortController().signal;
const at = (second: number): Date => new Date(1_700_000_000_000 + second * 1_000);

async function series(t: MongodbFixture, rows: readonly Document[], options: Document = {}): Promise<SourceNamespace> {
  await t.db.createCollection('series', { timeseries: { timeField: 'at', metaField: 'of' }, ...options });
  for (let from = 0; from < rows.length; from += 1_000)
    await t.db.collection('series').insertMany(rows.slice(from, from + 1_000).map((row) => ({ ...row })));
  const found = await t.source.namespace(t.namespace('series'), forever);
  if (found === null) throw new Error('the time series is not listed');
  return found;
}

interface Read {
  readonly batches: readonly RowBatch[];
  /** The `n` of every row. */
  readonly numbers: readonly number[];
}

async function read(
  source: Source,
  found: SourceNamespace,
  batchSize: number,
  after: Buffer | null = null,
): Promise<Read> {
  const since = await source.currentPosition(forever);
  const batches: RowBatch[] = [];
  for await (const batch of source.added(found, { after, since, batchSize }, forever)) {
    batches.push(batch);
    if (batches.length > 1_000) throw new Error('the series has no end');
  }
  return { batches, numbers: batches.flatMap(({ rows }) => rows.map((row) => decoded(row)['n'] as number)) };
}

const decoded = (row: Buffer): Document => BSON.deserialize(row);
const times = ({ rows }: RowBatch): number[] => [...new Set(rows.map((row) => (decoded(row)['at'] as Date).getTime()))];
const sorted = (list: readonly number[]): number[] => [...list].sort((a, b) => a - b);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('a time series of the source', () => {
  it('is listed as copied once, with its options and its indexes', () =>
    withSource({}, async (t) => {
      await series(t, [], { expireAfterSeconds: 3_600 });
      await t.db.collection('series').createIndex({ n: 1 }, { name: 'by_n' }, {});
      const found = await t.source.namespace(t.namespace('series'), forever);
      expect(found).toMatchObject({ follows: 'copy_only', wholeOrder: false, losesRows: false });
      const options = RawDocument.from(found!.options);
      expect(options.has('expireAfterSeconds')).toBe(true);
      expect(seriesOf(options)?.text('metaField')).toBe('of');
      expect(found!.indexes.map((index) => RawDocument.from(index).text('name'))).toContain('by_n');
      // The bucket collection in which the server keeps it is never followed.
      expect(t.source.selects(t.namespace('system.buckets.series'))).toBe(false);
      expect(await t.source.inspect(forever)).toContainEqual(
        expect.objectContaining({ code: 'copied_once', severity: 'warning', namespace: t.namespace('series') }),
      );
    }));

  it('is read in the order of time; a batch ends where a time ends, and every end can be gone on from', () =>
    withSource({}, async (t) => {
      // Three rows at each of forty seconds, written in no order.
      const rows = upTo(120).map((n) => ({ at: at(n % 40), of: { sensor: n % 7 }, n }));
      const found = await series(t, rows);
      const all = await read(t.source, found, 10);
      expect(sorted(all.numbers)).toEqual(upTo(120));
      expect(all.batches.length).toBeGreaterThan(8);
      const starts = all.batches.map((batch) => times(batch));
      expect(starts.flat()).toEqual(sorted([...new Set(starts.flat())]));
      for (const [index, { last, rows: some }] of all.batches.entries()) {
        expect(some.length).toBeLessThanOrEqual(12);
        const rest = await read(t.source, found, 1_000, last);
        expect(sorted(rest.numbers)).toEqual(
          sorted(
            all.batches.slice(index + 1).flatMap(({ rows: later }) => later.map((row) => decoded(row)['n'] as number)),
          ),
        );
      }
    }));

  it('is read in several batches where one time has more rows than one holds', () =>
    withSource({}, async (t) => {
      const few = upTo(5).map((n) => ({ _id: n, at: at(0), n }));
      // Rows that share an `_id` stay together: nothing tells them apart.
      const many = upTo(95).map((n) => ({ _id: n < 20 ? 'twin' : n, at: at(1), n: n + 5 }));
      const later = upTo(20).map((n) => ({ _id: n, at: at(n + 2), n: n + 100 }));
      const found = await series(t, [...later, ...many, ...few]);
      const all = await read(t.source, found, 10);
      expect(sorted(all.numbers)).toEqual(upTo(120));
      expect(Math.max(...all.batches.map(({ rows }) => rows.length))).toBe(25);
      let seen: number[] = [];
      for (const { last, rows } of all.batches) {
        seen = [...seen, ...rows.map((row) => decoded(row)['n'] as number)];
        const rest = await read(t.source, found, 10, last);
        expect(sorted([...seen, ...rest.numbers])).toEqual(upTo(120));
      }
    }));

  it('says which row has no time, where a server lets that pass', () =>
    withSource({}, async (t) => {
      const found = await series(t, [{ at: at(0), n: 0 }]);
      const refused = await t.db
        .collection('series')
        .insertOne({ n: 1 })
        .then(
          () => false,
          () => true,
        );
      const reading = read(t.source, found, 10);
      if (refused) await expect(reading).resolves.toMatchObject({ numbers: [0] });
      else await expect(reading).rejects.toMatchObject({ code: 'no_time', namespace: t.namespace('series') });
    }));
});
