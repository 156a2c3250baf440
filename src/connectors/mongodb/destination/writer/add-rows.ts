import { createHash } from 'node:crypto';
import type { Document, MongoClient } from 'mongodb';
import { elements } from '../../../../formats/bson/walk';
import { openRows } from '../../driver/rows';
import { askable, askableTime, idOf, idText, readPlace, timeOf } from '../../schema/series';
import type { AddPart } from '../../../../core/ports/destination';
import type { Series } from '../schema/namespaces';
import { readingOf } from '../reading';

const BATCH_ROWS = 1_000;
/** Rows are compared by bytes, whatever the collation of the collection says. */
const BY_BYTES = { locale: 'simple' } as const;

/**
 * Which rows of a part a time series lacks. The server keeps no key unique, so that a row is known by its time and its `_id`,
 * or where there is none by all that it holds. Rows that are there twice at the source are there twice at the target.
 */
export async function lacking(
  client: MongoClient,
  series: Series,
  part: AddPart,
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  const { rows } = part;
  const { target } = series;
  if (rows.length === 0) return rows;
  const options = { batchSize: BATCH_ROWS, collation: BY_BYTES };
  await using opened = openRows(readingOf(client, target), filterOf(series, part), options, signal);
  let found = await opened.next();
  if (found.length === 0) return rows;
  const wanted = new Wanted(rows, series);
  for (; found.length > 0; found = await opened.next()) for (const row of found) wanted.meet(row);
  return wanted.left;
}

/** All rows of the target that rows of the part may be. */
function filterOf({ target, timeField }: Series, { range, rows, upTo }: AddPart): Document {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return {};
  const [from, to] = [timeOf(first, timeField, target), timeOf(last, timeField, target)];
  if (!from.equals(to)) return { [timeField]: { $gte: askableTime(from, target), $lte: askableTime(to, target) } };
  const time = { [timeField]: askableTime(from, target) };
  const places = [upTo, ...(range.after === null ? [] : [range.after])].map(readPlace);
  if (!places.some((place) => place.key !== null && place.time.equals(from))) return time;
  // One time has more rows than a batch: they come in the order of `_id`.
  const [low, high] = [askable(idOf(first), target), askable(idOf(last), target)];
  // What is missing sorts as null, and an expression holds it for less.
  if (high === null) return { ...time, _id: null };
  const upper = { $lte: ['$_id', { $literal: high }] };
  return { ...time, $expr: low === null ? upper : { $and: [{ $gte: ['$_id', { $literal: low }] }, upper] } };
}

/** Rows that are looked for among those of a target, which may come in any order and with their fields in another one. */
class Wanted {
  readonly #rows: readonly Buffer[];
  readonly #series: Series;
  /** Indexes of rows that were not met, by all that they hold. */
  readonly #whole = new Map<string, number[]>();
  /** How many rows of the target have a time and an `_id` of these, and hold something else. */
  readonly #others = new Map<string, number>();
  readonly #met = new Set<number>();

  constructor(rows: readonly Buffer[], series: Series) {
    this.#rows = rows;
    this.#series = series;
    for (const [index, row] of rows.entries()) {
      const whole = wholeOf(row);
      const list = this.#whole.get(whole);
      if (list === undefined) this.#whole.set(whole, [index]);
      else list.push(index);
      const key = this.#keyOf(row);
      if (key !== null) this.#others.set(key, 0);
    }
  }

  meet(row: Buffer): void {
    const index = this.#whole.get(wholeOf(row))?.pop();
    if (index !== undefined) {
      this.#met.add(index);
      return;
    }
    const key = this.#keyOf(row);
    const others = key === null ? undefined : this.#others.get(key);
    if (key !== null && others !== undefined) this.#others.set(key, others + 1);
  }

  /** A row that was changed since, or that another server gives back in another form, is not there twice for that. */
  get left(): readonly Buffer[] {
    return this.#rows.filter((row, index) => {
      if (this.#met.has(index)) return false;
      const key = this.#keyOf(row);
      const others = (key !== null && this.#others.get(key)) || 0;
      if (key !== null && others > 0) this.#others.set(key, others - 1);
      return others === 0;
    });
  }

  #keyOf(row: Buffer): string | null {
    const { target, timeField } = this.#series;
    const id = idOf(row);
    return id.bytes.length === 0 ? null : `${timeOf(row, timeField, target).toString('latin1')}${idText(id)}`;
  }
}

/** Equal for rows that hold the same fields, in whatever order: a server puts those of a time series in an order of its own. */
function wholeOf(row: Buffer): string {
  const fields = elements(row)
    .map(({ from, end }) => row.subarray(from, end))
    .sort((a, b) => Buffer.compare(a, b));
  const hash = createHash('sha256');
  for (const field of fields) hash.update(field);
  return hash.digest('base64');
}
