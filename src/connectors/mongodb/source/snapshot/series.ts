import type { Document } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import { askable, askableTime, idOf, idText, placeBytes, readPlace, timeFieldOf, timeOf } from '../../schema/series';
import { cancelled, openRows, type OpenRows, type Reading } from '../../driver/rows';
import type { SourceNamespace } from '../../../../core/model/namespace';
import type { RowBatch } from '../../../../core/ports/source';

/** Of a batch; one more message may come on top of it. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** Rows are compared by bytes, whatever the collation of the collection says. */
const BY_BYTES = { locale: 'simple' } as const;

/**
 * The rows of a time series in the order of their time. A batch ends where a time ends: what comes after it is asked for by
 * that time. Only a time that has more rows than a batch is handed out in several, in the order of `_id`.
 */
export async function* readSeries(
  reading: Reading,
  { options }: Pick<SourceNamespace, 'options'>,
  { after, batchSize }: { readonly after: Buffer | null; readonly batchSize: number },
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const field = timeFieldOf(RawDocument.from(options));
  if (field === null) throw new RangeError(`${reading.namespace} is no time series`);
  const series = new Series(reading, field, batchSize, signal);
  const place = after === null ? null : readPlace(after);
  let time = place?.time ?? null;
  if (time !== null && place?.key != null) yield* series.ofTime(time, place.key);
  for (;;) {
    const crowded: Buffer | null = yield* series.after(time);
    if (crowded === null) return;
    yield* series.ofTime(crowded, null);
    time = crowded;
  }
}

class Series {
  constructor(
    private readonly reading: Reading,
    private readonly field: string,
    private readonly batchSize: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Whole times, until the end (null) or a time that has more rows than a batch, of which nothing is handed out. */
  async *after(time: Buffer | null): AsyncGenerator<RowBatch, Buffer | null> {
    const { namespace } = this.reading;
    const filter = time === null ? {} : { [this.field]: { $gt: askableTime(time, namespace) } };
    await using rows = this.#open(filter, { [this.field]: 1 });
    let whole = new Batch();
    let current = new Batch();
    let at: Buffer | null = null;
    for await (const row of this.#each(rows)) {
      const now = timeOf(row, this.field, namespace);
      if (at !== null && !now.equals(at)) {
        whole.take(current);
        current = new Batch();
        if (this.#isFull(whole)) {
          yield whole.upTo(placeBytes({ time: at, key: null }));
          whole = new Batch();
        }
      }
      if (at === null || !now.equals(at)) at = Buffer.from(now);
      current.add(row);
      if (!this.#isFull(current)) continue;
      if (whole.last !== null)
        yield whole.upTo(placeBytes({ time: timeOf(whole.last, this.field, namespace), key: null }));
      return at;
    }
    whole.take(current);
    if (at !== null) yield whole.upTo(placeBytes({ time: at, key: null }));
    return null;
  }

  /** Rows of one time in the order of `_id`; those that share one stay together. */
  async *ofTime(time: Buffer, key: ReturnType<typeof readPlace>['key']): AsyncGenerator<RowBatch> {
    const { namespace } = this.reading;
    const of = { [this.field]: askableTime(time, namespace) };
    const filter = key === null ? of : { ...of, $expr: { $gt: ['$_id', { $literal: askable(key, namespace) }] } };
    await using rows = this.#open(filter, { _id: 1 });
    let batch = new Batch();
    for await (const row of this.#each(rows)) {
      const { last } = batch;
      if (last !== null && this.#isFull(batch) && idText(idOf(last)) !== idText(idOf(row))) {
        yield batch.upTo(placeBytes({ time, key: idOf(last) }));
        batch = new Batch();
      }
      batch.add(row);
    }
    if (batch.last !== null) yield batch.upTo(placeBytes({ time, key: null }));
  }

  #isFull({ rows, bytes }: Batch): boolean {
    return rows.length >= this.batchSize || bytes >= BATCH_BYTES;
  }

  #open(filter: Document, sort: Document): OpenRows {
    const { batchSize, signal } = this;
    return openRows(this.reading, filter, { sort, batchSize, collation: BY_BYTES, allowDiskUse: true }, signal);
  }

  async *#each(opened: OpenRows): AsyncGenerator<Buffer> {
    for (;;) {
      const rows = await opened.next();
      if (rows.length === 0) return;
      yield* rows;
      // Not taken for an end.
      if (this.signal.aborted) throw cancelled(this.reading.namespace);
    }
  }
}

class Batch {
  readonly rows: Buffer[] = [];
  bytes = 0;

  add(row: Buffer): void {
    this.rows.push(row);
    this.bytes += row.length;
  }

  take({ rows }: Batch): void {
    for (const row of rows) this.add(row);
  }

  get last(): Buffer | null {
    return this.rows.at(-1) ?? null;
  }

  upTo(last: Buffer): RowBatch {
    return { rows: this.rows, bytes: this.bytes, last };
  }
}
