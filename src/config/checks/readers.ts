import { isExcluded, partsOverlap, type Area, type Part } from './area';

interface Entry<T> {
  readonly reader: T;
  readonly part: Part;
  readonly area: Area;
}

/** What every name that a pattern over both names matches begins with. */
const prefixOf = ({ database, collection }: Part): string => {
  const text = `${database}.${collection}`;
  const wildcard = text.search(/[*?]/u);
  return wildcard < 0 ? text : text.slice(0, wildcard);
};

/**
 * Who follows a namespace, found by how names begin: with two thousand streams of one source, comparing each with each took
 * minutes. Two patterns have a name in common only where what one begins with begins what the other begins with.
 */
export class Readers<T> {
  readonly #deployments = new Map<string, Map<string, Entry<T>[]>>();
  /** Sorted, so that all that begin alike stand together. */
  readonly #prefixes = new Map<string, readonly string[]>();
  /** How often two patterns were compared, to see that it grows as the number of streams does. */
  compared = 0;

  constructor(readers: readonly (readonly [T, Area])[]) {
    for (const [reader, area] of readers) {
      const prefixes = this.#deployments.get(area.deployment) ?? new Map<string, Entry<T>[]>();
      this.#deployments.set(area.deployment, prefixes);
      for (const part of area.parts) {
        const prefix = prefixOf(part);
        const entries = prefixes.get(prefix) ?? [];
        prefixes.set(prefix, entries);
        entries.push({ reader, part, area });
      }
    }
    for (const [deployment, prefixes] of this.#deployments)
      this.#prefixes.set(deployment, [...prefixes.keys()].sort(inOrder));
  }

  /** Those that follow some of what `part` may name in a deployment, and do not exclude all of it. */
  of(deployment: string, part: Part): ReadonlySet<T> {
    const found = new Set<T>();
    for (const { reader, part: other, area } of this.#candidates(deployment, prefixOf(part))) {
      if (found.has(reader)) continue;
      this.compared += 1;
      if (partsOverlap(part, other) && !isExcluded(area, part)) found.add(reader);
    }
    return found;
  }

  *#candidates(deployment: string, prefix: string): Generator<Entry<T>> {
    const entries = this.#deployments.get(deployment);
    const sorted = this.#prefixes.get(deployment) ?? [];
    for (let length = 0; length < prefix.length; length++) yield* entries?.get(prefix.slice(0, length)) ?? [];
    for (let at = firstFrom(sorted, prefix); sorted[at]?.startsWith(prefix) === true; at++)
      yield* entries?.get(sorted[at] ?? '') ?? [];
  }
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The first place in a sorted list that is not before `text`. */
function firstFrom(sorted: readonly string[], text: string): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((sorted[middle] ?? '') < text) from = middle + 1;
    else to = middle;
  }
  return from;
}
