/** What a stream follows inside a source, written `database.collection`. A database name never holds a dot. */
export type Namespace = string;

export interface NamespaceParts {
  readonly database: string;
  readonly collection: string;
}

export const namespace = (database: string, collection: string): Namespace => `${database}.${collection}`;

export function splitNamespace(name: Namespace): NamespaceParts {
  const dot = name.indexOf('.');
  return dot < 0
    ? { database: name, collection: '' }
    : { database: name.slice(0, dot), collection: name.slice(dot + 1) };
}
