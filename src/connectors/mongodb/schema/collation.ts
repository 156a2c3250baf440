import {
  RawDocument,
  rawBoolean,
  rawInteger,
  rawText,
  sameValue,
  type RawValue,
} from '../../../formats/bson/raw-document';

/** Byte order: what a collection or an index without a collation has. */
export const SIMPLE = RawDocument.EMPTY.with('locale', rawText('simple')).value;

/** What MongoDB fills in where a collation does not say. */
const DEFAULTS: ReadonlyMap<string, RawValue> = new Map([
  ['caseLevel', rawBoolean(false)],
  ['caseFirst', rawText('off')],
  ['strength', rawInteger(3)],
  ['numericOrdering', rawBoolean(false)],
  ['alternate', rawText('non-ignorable')],
  ['maxVariable', rawText('punct')],
  ['normalization', rawBoolean(false)],
  ['backwards', rawBoolean(false)],
]);

/** Where a locale has another default than the others. */
const OF_LOCALE: Readonly<Record<string, ReadonlyMap<string, RawValue>>> = {
  da: new Map([['caseFirst', rawText('upper')]]),
  mt: new Map([['caseFirst', rawText('upper')]]),
  fr_CA: new Map([['backwards', rawBoolean(true)]]),
  th: new Map([['alternate', rawText('shifted')]]),
};

/** The release of the rules that a server sorts by: its own, which no other server has to know. */
const VERSION = 'version';

/** The collation of a collection or an index, without the server's version of it; undefined for the simple one. */
export function collationOf(options: RawDocument): RawDocument | undefined {
  const collation = options.document('collation');
  return collation === undefined || collation.text('locale') === 'simple' ? undefined : collation.without(VERSION);
}

/** Whether two collations hold the same texts for equal and sort them alike; every field counts. */
export function sameCollation(a: RawDocument | undefined, b: RawDocument | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const locale = a.text('locale');
  if (locale !== b.text('locale')) return false;
  const defaults = OF_LOCALE[locale ?? ''];
  const of = (collation: RawDocument, name: string): RawValue | undefined =>
    collation.get(name) ?? defaults?.get(name) ?? DEFAULTS.get(name);
  return [...new Set([...DEFAULTS.keys(), ...a.names, ...b.names])]
    .filter((name) => name !== VERSION)
    .every((name) => sameValue(of(a, name), of(b, name)));
}

/** With the collation as another server may be asked for it. */
export function withoutVersion(options: RawDocument): RawDocument {
  const collation = options.document('collation');
  return collation === undefined ? options : options.with('collation', collation.without(VERSION).value);
}
