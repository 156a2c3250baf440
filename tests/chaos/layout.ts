import { BSON, type Db, type Document } from 'mongodb';
import { RawDocument } from '../../src/formats/bson/raw-document';

/** What `collMod` may change, with what holds where a server does not list it. */
const OPTIONS: Readonly<Record<string, unknown>> = {
  validator: {},
  validationLevel: 'strict',
  validationAction: 'error',
  changeStreamPreAndPostImages: { enabled: false },
};

interface Layout {
  readonly options: ReadonlyMap<string, string>;
  readonly indexes: ReadonlyMap<string, Document>;
}

export interface LayoutRules {
  readonly followed: (collection: string) => boolean;
  /** Not at the destination before `finalize`. */
  readonly isHeld: (index: Document) => boolean;
  /** The stream has said that it leaves this index to `finalize`. */
  readonly isExcused: (collection: string, index: string) => boolean;
}

const shown = (value: unknown): string => BSON.EJSON.stringify({ value }, { relaxed: true }).slice(9, -1);

async function layouts(db: Db): Promise<Map<string, Layout>> {
  const found = new Map<string, Layout>();
  for (const { name, options = {} } of await db.listCollections<{ name: string; options?: Document }>().toArray()) {
    if (name.startsWith('system.')) continue;
    found.set(name, {
      options: new Map(Object.entries(OPTIONS).map(([option, left]) => [option, shown(options[option] ?? left)])),
      indexes: new Map((await indexesOf(db, name)).map((index) => [String(index['name']), index])),
    });
  }
  return found;
}

/** As they are listed, but for what says nothing: the server's own version, a flag that is false, the order of options. */
async function indexesOf(db: Db, collection: string): Promise<Document[]> {
  const listed = await db.collection(collection).listIndexes({ raw: true }).toArray();
  return (listed as unknown as Uint8Array[]).map((raw) => {
    const { v: _v, ns: _ns, ...index } = BSON.deserialize(raw);
    const options = Object.entries(index).filter(([, value]) => value !== false);
    // An object would put names that look like integers first.
    const keys = RawDocument.from(raw).document('key')?.names ?? [];
    return Object.fromEntries([...options, ['fields', keys] as const].sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** What differs between both sides apart from rows, in words. Which collections there are is compared with the rows. */
export async function unlikeLayout(source: Db, destination: Db, rules: LayoutRules): Promise<string[]> {
  const [here, there] = await Promise.all([layouts(source), layouts(destination)]);
  return [...here].flatMap(([name, wanted]) => {
    const now = there.get(name);
    if (!rules.followed(name) || now === undefined) return [];
    return [...unlikeOptions(name, wanted, now), ...unlikeIndexes(name, wanted, now, rules)];
  });
}

const unlikeOptions = (name: string, wanted: Layout, now: Layout): string[] =>
  [...wanted.options].flatMap(([option, value]) => {
    const other = now.options.get(option) ?? '';
    return value === other ? [] : [`other options: ${name}: ${option} is ${value} and ${other}`];
  });

/** What may stand in for an index that is held back: one that was there before the source made it unique or expiring. */
function plain(index: Document | undefined): Document | undefined {
  if (index === undefined) return undefined;
  const { unique: _unique, expireAfterSeconds: _expiry, ...rest } = index;
  return rest;
}

function unlikeIndexes(collection: string, wanted: Layout, now: Layout, rules: LayoutRules): string[] {
  const names = [...new Set([...wanted.indexes.keys(), ...now.indexes.keys()])];
  return names.flatMap((name) => {
    const [index, other] = [wanted.indexes.get(name), now.indexes.get(name)];
    const due = index !== undefined && !rules.isHeld(index);
    const same = due ? shown(index) === shown(other) : other === undefined || shown(plain(index)) === shown(other);
    // Left out, but not in another shape.
    if (same || (due && other === undefined && rules.isExcused(collection, name))) return [];
    return [
      `other indexes: ${collection}: ${shown(index)} and ${shown(other)}${due || !index ? '' : ', which is held'}`,
    ];
  });
}
