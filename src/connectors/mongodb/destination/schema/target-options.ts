import { RawDocument, rawBoolean, rawText, sameValue, type RawValue } from '../../../../formats/bson/raw-document';
import { collationOf, sameCollation, withoutVersion } from '../../schema/collation';
import { seriesDifferences, seriesOf, seriesToMake } from '../../schema/series';

/**
 * Left behind when a collection is made here: what belongs to views; and a cap, because the server refuses to write to capped
 * collections inside a transaction.
 */
const STRIPPED = ['uuid', 'viewOn', 'pipeline', 'capped', 'size', 'max', 'autoIndexId', 'temp'];

/** The source decides what expires while it is followed. A time series is not, and expires by itself. */
const EXPIRY = 'expireAfterSeconds';

/** What goes with options of collections where that is asked for. */
export interface Handed {
  /** Options of the storage engine, which another server may not have. */
  readonly storageEngine: boolean;
}

/** The options that a target gets, from the source's. */
export const targetOptions = (options: Uint8Array | undefined, handed: Handed): RawDocument =>
  options === undefined ? RawDocument.EMPTY : creatable(RawDocument.from(options), handed);

/** Options that a target may be made with. */
export const creatable = (options: RawDocument, { storageEngine }: Handed): RawDocument =>
  withoutVersion(
    seriesToMake(options).without(
      ...STRIPPED,
      ...(storageEngine ? [] : ['storageEngine']),
      ...(seriesOf(options) === undefined ? [EXPIRY] : []),
    ),
  );

/** What a target has, whether it is made with the source's options or not: without it, it would be another kind. */
export const kindOptions = (options: Uint8Array | undefined): RawDocument =>
  options === undefined
    ? RawDocument.EMPTY
    : seriesToMake(RawDocument.from(options)).pick((name) => name === 'timeseries');

/** What `collMod` may set, with what holds where a collection does not say. */
const MODIFIABLE: ReadonlyMap<string, RawValue> = new Map([
  ['validator', RawDocument.EMPTY.value],
  ['validationLevel', rawText('strict')],
  ['validationAction', rawText('error')],
  ['changeStreamPreAndPostImages', RawDocument.EMPTY.with('enabled', rawBoolean(false)).value],
]);

/** What `collMod` has to set so that a target has the wanted options. */
export function modifications(wanted: RawDocument, now: RawDocument): RawDocument {
  let changes = RawDocument.EMPTY;
  for (const [name, fallback] of MODIFIABLE)
    if (!isSame(name, wanted, now)) changes = changes.with(name, wanted.get(name) ?? fallback);
  return changes;
}

/** The options in which two collections differ, in alphabetical order; every one counts, an unknown one too. */
export function optionDifferences(a: RawDocument, b: RawDocument): string[] {
  const names = new Set([...a.names, ...b.names]);
  return [...names].filter((name) => !isSame(name, a, b)).sort();
}

function isSame(name: string, a: RawDocument, b: RawDocument): boolean {
  if (name === 'collation') return sameCollation(collationOf(a), collationOf(b));
  const [series, other] = [a, b].map((options) => (name === 'timeseries' ? seriesOf(options) : undefined));
  if (series !== undefined && other !== undefined) return seriesDifferences(series, other).length === 0;
  const fallback = MODIFIABLE.get(name);
  return sameValue(a.get(name) ?? fallback, b.get(name) ?? fallback);
}
