import { splitNamespace, type Namespace } from '../model/namespace';

/** Patterns know `*` (anything, also nothing) and `?` (one character); every other character stands for itself. */
const WILDCARD = /[*?]/u;

/** Databases that belong to the server. */
export const SERVER_DATABASES: readonly string[] = ['admin', 'local', 'config'];
export const DEFAULT_LEDGER_DATABASE = 'tributary';

/** One name to match. `literal` is set when the pattern has no wildcard: compare with it and use the index. */
export interface NamePattern {
  readonly pattern: string;
  readonly literal: string | null;
  /** Anchored and portable (PCRE, RE2, JavaScript): for a filter that runs in the server. */
  readonly source: string;
  readonly matches: (name: string) => boolean;
}

/** A pattern over both names of a namespace. */
export interface NamespacePattern {
  readonly database: NamePattern;
  readonly collection: NamePattern;
}

/** What a stream follows: any of `include` (all when empty), none of `exclude`. */
export interface Selection {
  /** The one database that is followed, or null for a whole deployment. */
  readonly database: string | null;
  readonly include: readonly NamespacePattern[];
  /** The configured exclusions and those that always hold: server databases, the ledger, `system.*`. */
  readonly exclude: readonly NamespacePattern[];
  readonly matches: (namespace: Namespace) => boolean;
  /** Whether any collection of this database can match. */
  readonly matchesDatabase: (database: string) => boolean;
}

export interface SelectionOptions {
  readonly database?: string | undefined;
  readonly collections?: readonly string[] | undefined;
  readonly exclude: readonly string[];
  readonly ledgerDatabase?: string;
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/gu, '\\$&');

// `[\s\S]` and not `.`: names may hold line breaks, and servers differ in how they are asked to let `.` match them.
const body = (pattern: string, group: boolean): string =>
  Array.from(pattern, (character) => {
    const expression = character === '*' ? '[\\s\\S]*' : character === '?' ? '[\\s\\S]' : null;
    if (expression === null) return escape(character);
    return group ? `(${expression})` : expression;
  }).join('');

export function compileName(pattern: string): NamePattern {
  const literal = WILDCARD.test(pattern) ? null : pattern;
  const source = `^${body(pattern, false)}$`;
  const expression = new RegExp(source, 'u');
  return {
    pattern,
    literal,
    source,
    matches: literal === null ? (name) => expression.test(name) : (name) => name === literal,
  };
}

const ANY = compileName('*');

const compilePair = (database: string, collection: string): NamespacePattern => ({
  database: compileName(database),
  collection: compileName(collection),
});

/** With a database, a pattern is matched against the whole collection name, dots included. */
function compilePattern(pattern: string, database: string | undefined): NamespacePattern {
  if (database !== undefined) {
    return { database: exactly(database), collection: compileName(pattern) };
  }
  const parts = splitNamespace(pattern);
  if (parts.collection === '') {
    throw new TypeError(`the pattern "${pattern}" names no database: expected "database.collection"`);
  }
  return compilePair(parts.database, parts.collection);
}

/** A database name is a name and no pattern. */
const exactly = (name: string): NamePattern => ({
  pattern: name,
  literal: name,
  source: `^${escape(name)}$`,
  matches: (other) => other === name,
});

const covers = ({ database, collection }: NamespacePattern, name: { database: string; collection: string }): boolean =>
  database.matches(name.database) && collection.matches(name.collection);

export function compileSelection(options: SelectionOptions): Selection {
  const { database, collections = [], exclude, ledgerDatabase = DEFAULT_LEDGER_DATABASE } = options;
  const included = collections.map((pattern) => compilePattern(pattern, database));
  const excluded = [
    ...[...SERVER_DATABASES, ledgerDatabase].map((name) => ({ database: exactly(name), collection: ANY })),
    { database: ANY, collection: compileName('system.*') },
    ...exclude.map((pattern) => compilePattern(pattern, database)),
  ];
  const wholeDatabases = excluded.filter(({ collection }) => collection.pattern === '*');
  return {
    database: database ?? null,
    include: included,
    exclude: excluded,
    matches: (namespace) => {
      const name = splitNamespace(namespace);
      return (
        name.collection !== '' &&
        (database === undefined || name.database === database) &&
        (included.length === 0 || included.some((pattern) => covers(pattern, name))) &&
        !excluded.some((pattern) => covers(pattern, name))
      );
    },
    matchesDatabase: (name) =>
      (database === undefined || name === database) &&
      (included.length === 0 || included.some((pattern) => pattern.database.matches(name))) &&
      !wholeDatabases.some((pattern) => pattern.database.matches(name)),
  };
}

export interface RenameOptions {
  readonly database?: string | undefined;
  /** From a `database.collection` pattern to a target with the same wildcards in the same order. */
  readonly namespaces: Readonly<Record<string, string>>;
}

/** The destination's name of a source namespace. */
export type Renames = (name: Namespace) => Namespace;

interface Rename {
  readonly from: string;
  readonly weight: number;
  apply(namespace: Namespace): Namespace | null;
}

function compileRename(from: string, to: string): Rename {
  const { database, collection } = splitNamespace(from);
  // A wildcard of the database part must not reach over the dot that ends it.
  const expression = new RegExp(
    `^${body(database, true).replaceAll('[\\s\\S]', '[^.]')}\\.${body(collection, true)}$`,
    'u',
  );
  return {
    from,
    weight: from.replace(/[*?]/gu, '').length + (WILDCARD.test(from) ? 0 : Infinity),
    apply: (namespace) => {
      const match = expression.exec(namespace);
      if (match === null) return null;
      let group = 0;
      return to.replace(/[*?]/gu, () => match[++group] ?? '');
    },
  };
}

/**
 * The destination's name of a source namespace. A rename without wildcards wins, then the one with most literal
 * characters; never the order in the file, which JSON tools are free to change.
 */
export function compileRenames({ database, namespaces }: RenameOptions): Renames {
  const renames = Object.entries(namespaces)
    .map(([from, to]) => compileRename(from, to))
    .sort((a, b) => (a.weight === b.weight ? (a.from < b.from ? -1 : 1) : b.weight > a.weight ? 1 : -1));
  return (namespace) => {
    for (const rename of renames) {
      const target = rename.apply(namespace);
      if (target !== null) return target;
    }
    return database === undefined ? namespace : `${database}.${splitNamespace(namespace).collection}`;
  };
}
