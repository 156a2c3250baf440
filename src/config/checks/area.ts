import { compileRenames, DEFAULT_LEDGER_DATABASE, SERVER_DATABASES } from '../../core/mapping/pattern';
import { splitNamespace } from '../../core/model/namespace';
import { connectionFor } from '../../connectors/connections';
import { covers, overlap } from '../values/glob';
import type { StreamConfig } from '../schema';

/** Namespaces of one deployment, as patterns over both of their names. */
export interface Part {
  readonly database: string;
  readonly collection: string;
}

export interface Area {
  readonly deployment: string;
  readonly parts: readonly Part[];
  readonly except: readonly Part[];
}

const partOf = (pattern: string, database: string | undefined): Part =>
  database === undefined ? splitNamespace(pattern) : { database, collection: pattern };

export const partsOverlap = (a: Part, b: Part): boolean =>
  overlap(a.database, b.database) && overlap(a.collection, b.collection);

const partCovers = (wide: Part, narrow: Part): boolean =>
  covers(wide.database, narrow.database) && covers(wide.collection, narrow.collection);

/** What a stream follows. A ledger with a name of its own counts until it is excluded: the source does not know it. */
export function sourceArea({ source }: StreamConfig): Area {
  const { database, collections = [database === undefined ? '*.*' : '*'], exclude } = source;
  return {
    deployment: connectionFor(source.type).deployment(source.connection_string),
    parts: collections.map((pattern) => partOf(pattern, database)),
    except: [
      ...[...SERVER_DATABASES, DEFAULT_LEDGER_DATABASE].map((name) => ({ database: name, collection: '*' })),
      { database: '*', collection: 'system.*' },
      ...exclude.map((pattern) => partOf(pattern, database)),
    ],
  };
}

/** Where it all goes: at least every namespace that the stream may write, rows and not ledger. */
export function targetArea(stream: StreamConfig): Area {
  const { destination } = stream;
  const target = compileRenames(destination);
  const from = sourceArea(stream);
  const renames = Object.entries(destination.namespaces).map(([key, to]) => ({ key: splitNamespace(key), to }));
  const parts = from.parts.flatMap((part): readonly Part[] => {
    const name = `${part.database}.${part.collection}`;
    if (!/[*?]/u.test(name)) return [splitNamespace(target(name))];
    const touched = renames.filter(({ key }) => partsOverlap(key, part));
    const rest: readonly Part[] = touched.some(({ key }) => partCovers(key, part))
      ? []
      : [{ database: destination.database ?? part.database, collection: part.collection }];
    return [...touched.map(({ to }) => splitNamespace(to)), ...rest];
  });
  const { type, connection_string: connection } = destination;
  return { deployment: connectionFor(type).deployment(connection), parts, except: from.except };
}

/** Whether something that is written in `target` is followed in `source`. */
export const flowsInto = (target: Area, source: Area): boolean =>
  target.deployment === source.deployment &&
  target.parts.some(
    (part) =>
      source.parts.some((other) => partsOverlap(part, other)) &&
      !source.except.some((other) => partCovers(other, part)),
  );

export const isExcluded = (area: Area, part: Part): boolean => area.except.some((other) => partCovers(other, part));

export const includes = (area: Area, part: Part): boolean =>
  area.parts.some((other) => partsOverlap(part, other)) && !isExcluded(area, part);
