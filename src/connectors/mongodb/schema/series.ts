import { document, element, header } from '../../../formats/bson/build';
import { identityOf } from '../../../formats/bson/key';
import { RawDocument, rawText, sameValue, type RawValue } from '../../../formats/bson/raw-document';
import { toDriver } from '../../../formats/bson/value';
import { BsonType } from '../../../formats/bson/types';
import { findOne, slice } from '../../../formats/bson/walk';
import { ReplicationError } from '../../../core/model/errors';
import type { Namespace } from '../../../core/model/namespace';

/** The options that make a time series of a collection; undefined where they are those of another one. */
export const seriesOf = (options: RawDocument): RawDocument | undefined => options.document('timeseries');

/** The field that says when a row was measured. */
export const timeFieldOf = (options: RawDocument): string | null => seriesOf(options)?.text('timeField') ?? null;

/**
 * Where a copy of a time series stands: all rows up to this time are copied. With a key, rows of this very time are copied
 * up to that key: one time had more rows than a batch holds.
 */
export interface Place {
  /** The bytes of a date. */
  readonly time: Buffer;
  readonly key: RawValue | null;
}

/** Rows without a key stand before all others of their time. */
const NO_KEY: RawValue = { type: BsonType.null, bytes: Buffer.alloc(0) };

export const placeBytes = ({ time, key }: Place): Buffer =>
  document([
    element(BsonType.date, 'time', time),
    ...(key === null ? [] : [Buffer.concat([header(key.type, 'key'), key.bytes])]),
  ]);

export function readPlace(bytes: Buffer): Place {
  const fields = RawDocument.from(bytes);
  const time = fields.get('time');
  if (time === undefined) throw new RangeError('the place of a copy of a time series has no time');
  return { time: time.bytes, key: fields.get('key') ?? null };
}

/** A server makes sure that every row has a time; one that only looks like MongoDB may not. */
export function timeOf(row: Buffer, field: string, namespace: Namespace): Buffer {
  const time = ASCII.test(field) ? valueIn(row, field) : RawDocument.from(row).get(field);
  if (time?.type === BsonType.date) return time.bytes;
  throw new ReplicationError('needs_attention', {
    code: 'no_time',
    message: `a row of the time series ${namespace} has no date in its field ${field}`,
    remedy: 'Give the row a date there, or exclude the time series.',
    namespace,
  });
}

/** Names that can be looked for without making a text of each. */
const ASCII = /^[ -~]+$/u;

function valueIn(row: Buffer, field: string): RawValue | undefined {
  const found = findOne(row, 0, field);
  return found && { type: found.type, bytes: slice(row, found) };
}

export const idOf = (row: Buffer): RawValue => valueIn(row, '_id') ?? NO_KEY;

/** Equal for rows whose `_id` the server holds for one. */
export const idText = ({ type, bytes }: RawValue): string => identityOf(bytes, { type, start: 0, end: bytes.length });

/** A value as a query can hold it. */
export function askable({ type, bytes }: RawValue, namespace: Namespace): unknown {
  const query = toDriver(bytes, { type, start: 0, end: bytes.length });
  if (query !== null) return query.value;
  throw new ReplicationError('needs_attention', {
    code: 'time_not_queryable',
    message: `a row of the time series ${namespace} has a time or an _id that cannot be asked for: a date out of range, a name given twice, or text that is not valid UTF-8`,
    remedy: 'Change the row at the source, or exclude the time series.',
    namespace,
  });
}

export const askableTime = (time: Buffer, namespace: Namespace): unknown =>
  askable({ type: BsonType.date, bytes: time }, namespace);

/** Options with which a time series can be made like the one that a server lists with these: spans follow from a granularity. */
export function seriesToMake(options: RawDocument): RawDocument {
  const series = seriesOf(options);
  if (series?.has('granularity') !== true) return options;
  return options.with('timeseries', series.without('bucketMaxSpanSeconds', 'bucketRoundingSeconds').value);
}

/** Spans of buckets, in seconds, by what the server calls their granularity. */
const SPANS: Readonly<Record<string, readonly [most: number, rounding: number]>> = {
  seconds: [3_600, 60],
  minutes: [86_400, 3_600],
  hours: [2_592_000, 86_400],
};

/** The options in which two time series differ. Servers list the same granularity in more words, or in fewer. */
export function seriesDifferences(a: RawDocument, b: RawDocument): string[] {
  const names = new Set([...a.names, ...b.names]);
  const given = [...names].filter((name) => !sameValue(valueOf(a, name), valueOf(b, name)));
  return given.sort();
}

/** What holds where the options do not say. */
function valueOf(series: RawDocument, name: string): RawValue | undefined {
  const told = series.get(name);
  const custom = !series.has('granularity') && series.has('bucketMaxSpanSeconds');
  if (told !== undefined || custom) return told;
  const granularity = series.text('granularity') ?? 'seconds';
  if (name === 'granularity') return rawText(granularity);
  const [most, rounding] = SPANS[granularity] ?? [];
  if (name === 'bucketMaxSpanSeconds') return integer(most);
  return name === 'bucketRoundingSeconds' ? integer(rounding) : undefined;
}

function integer(value: number | undefined): RawValue | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { type: BsonType.int32, bytes };
}
