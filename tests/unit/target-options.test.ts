import { BSON, Double, type Document } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';
import {
  modifications,
  optionDifferences,
  targetOptions,
} from '../../src/connectors/mongodb/destination/schema/target-options';

const raw = (options: Document | Map<string, unknown>): RawDocument => RawDocument.from(BSON.serialize(options));

/** Rules whose names a JavaScript object would put in another order. */
const rules = (...names: readonly string[]): Map<string, unknown> => new Map(names.map((name) => [name, { $gte: 0 }]));

describe('options of a target', () => {
  it('are those of the source, byte for byte', () => {
    const validator = rules('b', '10', '2');
    const options = targetOptions(
      raw({ validator, collation: { locale: 'en', version: '57.1' }, capped: true, size: 4096 }).bytes,
      { storageEngine: false },
    );
    expect(options.bytes).toEqual(raw({ validator, collation: { locale: 'en' } }).bytes);
    expect(options.document('validator')?.names).toEqual(['b', '10', '2']);
    expect(targetOptions(undefined, { storageEngine: false }).isEmpty).toBe(true);
  });

  it('differ by name and value, with what holds where one does not say', () => {
    const differ = (a: Document, b: Document): string[] => optionDifferences(raw(a), raw(b));
    expect(differ({ validator: {}, validationLevel: 'strict', validationAction: 'error' }, {})).toEqual([]);
    expect(differ({ changeStreamPreAndPostImages: { enabled: false } }, {})).toEqual([]);
    expect(differ({ validator: { a: 1 } }, { validator: { a: new Double(1) } })).toEqual([]);
    expect(differ({ validator: rules('b', '10') }, { validator: rules('10', 'b') })).toEqual(['validator']);
    expect(differ({ of_a_later_version: 1, validationLevel: 'off' }, {})).toEqual([
      'of_a_later_version',
      'validationLevel',
    ]);
    expect(differ({ collation: { locale: 'en' } }, { collation: { locale: 'en', backwards: false } })).toEqual([]);
    expect(differ({ collation: { locale: 'en' } }, { collation: { locale: 'en', backwards: true } })).toEqual([
      'collation',
    ]);
  });

  it('are changed by collMod where it can, and only where they differ', () => {
    const change = (wanted: Document, now: Document): RawDocument => modifications(raw(wanted), raw(now));
    expect(
      change({ validator: rules('b', '10') }, { validator: rules('10', 'b') }).document('validator')?.names,
    ).toEqual(['b', '10']);
    expect(change({}, { validator: { a: 1 }, validationLevel: 'off' }).bytes).toEqual(
      raw({ validator: {}, validationLevel: 'strict' }).bytes,
    );
    expect(change({ collation: { locale: 'en' }, of_a_later_version: 1 }, {}).isEmpty).toBe(true);
  });
});

test('a time series is asked for by its granularity, or by its spans: a server refuses both', () => {
  const made = (timeseries: Document): unknown =>
    BSON.deserialize(
      targetOptions(BSON.serialize({ timeseries, expireAfterSeconds: 60 }), { storageEngine: false }).bytes,
    );
  expect(made({ timeField: 't', granularity: 'minutes', bucketMaxSpanSeconds: 86_400 })).toEqual({
    timeseries: { timeField: 't', granularity: 'minutes' },
    expireAfterSeconds: 60,
  });
  const spans = { timeField: 't', bucketRoundingSeconds: 300, bucketMaxSpanSeconds: 300 };
  expect(made(spans)).toEqual({ timeseries: spans, expireAfterSeconds: 60 });
});
