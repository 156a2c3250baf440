import { document } from '../../../formats/bson/build';
import { RawDocument, rawText } from '../../../formats/bson/raw-document';
import { BsonType } from '../../../formats/bson/types';
import { elements, findOne, text } from '../../../formats/bson/walk';
import { collationOf, sameCollation } from './collation';
import { namespace, splitNamespace, type Namespace } from '../../../core/model/namespace';

/** What a view is computed from, as the server lists it. The pipeline stays bytes: an object would reorder its fields. */
export interface View {
  readonly on: string;
  /** The body of an array of stages. */
  readonly pipeline: Buffer;
  /** Undefined for simple byte order. */
  readonly collation: RawDocument | undefined;
}

const NO_STAGES = document([]);

/** From the options of a collection, as the server lists them; null where they are no view's. */
export function readView(options: RawDocument): View | null {
  const on = options.text('viewOn');
  if (on === undefined) return null;
  const pipeline = options.get('pipeline');
  return {
    on,
    pipeline: pipeline?.type === BsonType.array ? pipeline.bytes : NO_STAGES,
    collation: collationOf(options),
  };
}

/** The opposite of `readView`: options that a view may be made with. */
export function viewOptions({ on, pipeline, collation }: View): RawDocument {
  const options = RawDocument.EMPTY.with('viewOn', rawText(on)).with('pipeline', {
    type: BsonType.array,
    bytes: pipeline,
  });
  return collation === undefined ? options : options.with('collation', collation.value);
}

/** Whether two definitions are one. */
export const sameView = (a: View, b: View): boolean =>
  a.on === b.on && a.pipeline.equals(b.pipeline) && sameCollation(a.collation, b.collation);

/** What a definition names is known by its namespace: most stages say a collection of the view's own database. */
export type Rename = (name: Namespace) => Namespace;

/** A view names a namespace that would lie in another database than the view itself. */
export class Apart extends Error {
  override readonly name = 'Apart';

  constructor(readonly of: Namespace) {
    super(`a view is computed from ${of}, which is in another database`);
  }
}

/** The definition under the names that the destination has for what it is computed from. */
export function renamedView(view: View, own: Namespace, rename: Rename): View {
  const renaming = new Renaming(splitNamespace(own).database, splitNamespace(rename(own)).database, rename);
  return { ...view, on: renaming.collection(view.on), pipeline: renaming.pipeline(view.pipeline) };
}

/** What a view is computed from, its own pipeline's look-ups included. */
export function sourcesOf(view: View, own: Namespace): readonly Namespace[] {
  const found = new Set<Namespace>();
  renamedView(view, own, (name) => {
    if (name !== own) found.add(name);
    return name;
  });
  return [...found];
}

/** Makes another value of a field. */
type Rewrite = (type: number, value: Buffer) => Buffer;
type Rules = (name: string) => Rewrite | undefined;

const at =
  (rules: Readonly<Record<string, Rewrite>>): Rules =>
  (name) =>
    Object.hasOwn(rules, name) ? rules[name] : undefined;

/** A document or array with some of its fields made anew. The others stay as they are, byte for byte. */
function rewritten(body: Buffer, rules: Rules): Buffer {
  return document(
    elements(body).flatMap(({ name, type, from, start, end }) => {
      const rewrite = rules(name);
      if (rewrite === undefined) return [body.subarray(from, end)];
      return [body.subarray(from, start), rewrite(type, body.subarray(start, end))];
    }),
  );
}

class Renaming {
  /** Of stages that name collections, or hold pipelines of their own. */
  readonly #stages: Readonly<Record<string, Rewrite>> = {
    $lookup: this.#inside({ from: this.#reference(), pipeline: this.#nested() }),
    $graphLookup: this.#inside({ from: this.#reference() }),
    $unionWith: this.#either(this.#inside({ coll: this.#reference(), pipeline: this.#nested() })),
    $facet: this.#each(this.#nested()),
    $rankFusion: this.#inside({ input: this.#inside({ pipelines: this.#each(this.#nested()) }) }),
    $scoreFusion: this.#inside({ input: this.#inside({ pipelines: this.#each(this.#nested()) }) }),
    $out: this.#reference(),
    $merge: this.#either(this.#inside({ into: this.#reference() })),
  };

  constructor(
    private readonly database: string,
    private readonly target: string,
    private readonly rename: Rename,
  ) {}

  collection(name: string): string {
    const renamed = splitNamespace(this.rename(namespace(this.database, name)));
    if (renamed.database !== this.target) throw new Apart(namespace(this.database, name));
    return renamed.collection;
  }

  pipeline(stages: Buffer): Buffer {
    return rewritten(
      stages,
      () => (type, stage) => (type === BsonType.document ? rewritten(stage, at(this.#stages)) : stage),
    );
  }

  /** A name of the view's own database, or `{ db, coll }`. */
  #reference(): Rewrite {
    return (type, value) => {
      if (type === BsonType.string) return rawText(this.collection(textOf(value))).bytes;
      return type === BsonType.document ? this.#elsewhere(value) : value;
    };
  }

  #elsewhere(value: Buffer): Buffer {
    const db = findOne(value, 0, 'db');
    const coll = findOne(value, 0, 'coll');
    if (db?.type !== BsonType.string || coll?.type !== BsonType.string) return value;
    const renamed = splitNamespace(this.rename(namespace(text(value, db), text(value, coll))));
    const parts = { db: () => rawText(renamed.database).bytes, coll: () => rawText(renamed.collection).bytes };
    return rewritten(value, at(parts));
  }

  #nested(): Rewrite {
    return (type, value) => (type === BsonType.array ? this.pipeline(value) : value);
  }

  #inside(rules: Readonly<Record<string, Rewrite>>): Rewrite {
    return (type, value) => (type === BsonType.document ? rewritten(value, at(rules)) : value);
  }

  #each(rule: Rewrite): Rewrite {
    return (type, value) => (type === BsonType.document ? rewritten(value, () => rule) : value);
  }

  /** Short for the name alone. */
  #either(rule: Rewrite): Rewrite {
    const named = this.#reference();
    return (type, value) => (type === BsonType.string ? named(type, value) : rule(type, value));
  }
}

const textOf = (value: Buffer): string => value.toString('utf8', 4, value.length - 1);

/** Those that others are computed from come first; in a circle, and where nothing is known, the order stays. */
export function inOrder<T>(all: ReadonlyMap<Namespace, T>, sources: (value: T) => readonly Namespace[]): T[] {
  const ordered: T[] = [];
  const met = new Set<Namespace>();
  const visit = (name: Namespace): void => {
    const value = all.get(name);
    if (value === undefined || met.has(name)) return;
    met.add(name);
    sources(value).forEach(visit);
    ordered.push(value);
  };
  for (const name of all.keys()) visit(name);
  return ordered;
}
