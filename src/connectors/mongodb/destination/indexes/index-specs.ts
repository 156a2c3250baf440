import { RawDocument, rawInteger, rawText, sameValue, type RawValue } from '../../../../formats/bson/raw-document';
import { SIMPLE, collationOf, sameCollation, withoutVersion } from '../../schema/collation';

/** An index as a server lists it, or is asked to build it. */
export interface Index {
  readonly name: string;
  /** Its options in their order, undecoded; key and name among them. */
  readonly options: RawDocument;
}

/** What is no part of an index: the server's own version of it, its namespace, and how it was built once. */
const LEFT_OUT = ['v', 'ns', 'background', 'dropDups'];

/** An index as the destination is asked to build it. */
export const specification = (raw: Uint8Array): Index => indexOf(RawDocument.from(raw));

export const indexOf = (listed: RawDocument): Index => ({
  name: listed.text('name') ?? '',
  options: withoutVersion(listed.without(...LEFT_OUT)),
});

export const isUnique = ({ options }: Pick<Index, 'options'>): boolean =>
  options.flag('unique') || options.flag('prepareUnique');

/** Of an index, or of a clustered collection. */
export const expires = ({ options }: { readonly options: RawDocument }): boolean => options.has('expireAfterSeconds');

export const isHidden = ({ options }: Pick<Index, 'options'>): boolean => options.flag('hidden');

/** A flag that is `false` is what is left out. */
const FLAGS: ReadonlySet<string> = new Set(['unique', 'prepareUnique', 'sparse', 'hidden']);

/** What holds where an index does not say. MongoDB lists those of text and 2dsphere indexes, and leaves those of 2d out. */
const DEFAULTS: ReadonlyMap<string, RawValue> = new Map([
  ['2dsphereIndexVersion', rawInteger(3)],
  ['textIndexVersion', rawInteger(3)],
  ['default_language', rawText('english')],
  ['language_override', rawText('language')],
  ['bits', rawInteger(26)],
  ['min', rawInteger(-180)],
  ['max', rawInteger(180)],
]);

/**
 * The options in which two indexes of one name differ, in alphabetical order. Every option counts, an unknown one too. The
 * order of fields counts in a key, and in a filter or projection too, which is sent as it is: no difference is taken for
 * none. Numbers count by their value.
 */
export function differences(a: Index, b: Index): string[] {
  const names = new Set([...a.options.names, ...b.options.names]);
  names.delete('name');
  return [...names].filter((name) => !isSame(name, a.options, b.options)).sort();
}

function isSame(name: string, a: RawDocument, b: RawDocument): boolean {
  if (FLAGS.has(name)) return a.flag(name) === b.flag(name);
  if (name === 'collation') return sameCollation(collationOf(a), collationOf(b));
  if (name === 'weights') return sameFields(a.document(name), b.document(name));
  const fallback = DEFAULTS.get(name);
  return sameValue(a.get(name) ?? fallback, b.get(name) ?? fallback);
}

/** The weights of a text index have no order. */
function sameFields(a: RawDocument | undefined, b: RawDocument | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return [...a.names, ...b.names].every((name) => sameValue(a.get(name), b.get(name)));
}

/** What can be changed of an index that is there, so that it need not be built anew. */
export const CHANGEABLE: ReadonlySet<string> = new Set(['hidden', 'unique', 'prepareUnique', 'expireAfterSeconds']);

/** Whether an index serves as the other one, whatever is hidden and however long rows last. */
export const servesAs = (a: Index, b: Index): boolean =>
  isUnique(a) === isUnique(b) && expires(a) === expires(b) && differences(a, b).every((name) => CHANGEABLE.has(name));

/** By these a server knows an index: it has no two with the same, whatever else they say. */
const SIGNATURE = ['key', 'collation', 'partialFilterExpression'];

/** Of text indexes a collection has one. */
export const isText = ({ options }: Index): boolean => {
  const key = options.document('key');
  return key?.names.some((field) => key.text(field) === 'text') ?? false;
};

/** Whether a server may have no room for both, though they do the same to rows. */
export const excludes = (a: Index, b: Index): boolean =>
  isUnique(a) === isUnique(b) &&
  expires(a) === expires(b) &&
  ((isText(a) && isText(b)) || SIGNATURE.every((name) => isSame(name, a.options, b.options)));

/** Whether an index is what another one would be without what is held back of it. */
export const servesMeanwhile = (a: Index, b: Index): boolean => servesAs(a, withoutHeld(b));

export const renamed = ({ options }: Index, name: string): Index => ({
  name,
  options: options.with('name', rawText(name)),
});

/** What waits for `finalize`. */
export const HELD: ReadonlySet<string> = new Set(['unique', 'prepareUnique', 'expireAfterSeconds']);

const withoutHeld = ({ name, options }: Index): Index => ({ name, options: options.without(...HELD) });

/**
 * What `createIndexes` is asked for. An index without a collation is one with the simple collation, which a collection
 * with another one gives only when asked. Not every server that knows `prepareUnique` takes it where an index is built.
 */
export function requested({ options }: Index, hasCollation: boolean): RawDocument {
  const asked = options.without('prepareUnique');
  return hasCollation && !asked.has('collation') ? asked.with('collation', SIMPLE) : asked;
}
