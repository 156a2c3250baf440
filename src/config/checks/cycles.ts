/** A graph in which every node knows where it leads, in order. */
export type Leads<T> = ReadonlyMap<T, ReadonlySet<T>>;

/** What is left when all that leads nowhere, or is led to from nowhere, has been taken away again and again. */
function withoutEnds<T>(nodes: Iterable<T>, leads: Leads<T>): ReadonlySet<T> {
  const left = new Set(nodes);
  const back = new Map<T, T[]>();
  const out = new Map<T, number>();
  const into = new Map<T, number>();
  for (const node of left) {
    out.set(node, leads.get(node)?.size ?? 0);
    for (const next of leads.get(node) ?? []) {
      into.set(next, (into.get(next) ?? 0) + 1);
      const before = back.get(next) ?? [];
      back.set(next, before);
      before.push(node);
    }
  }
  const ends = [...left].filter((node) => out.get(node) === 0 || (into.get(node) ?? 0) === 0);
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    if (!left.delete(end)) continue;
    const fewer = (counts: Map<T, number>, node: T): void => {
      counts.set(node, (counts.get(node) ?? 0) - 1);
      if (counts.get(node) === 0 && left.has(node)) ends.push(node);
    };
    for (const next of leads.get(end) ?? []) fewer(into, next);
    for (const before of back.get(end) ?? []) fewer(out, before);
  }
  return left;
}

/** The shortest way from a node back to itself over others. */
function wayBack<T>(start: T, leads: Leads<T>, within: ReadonlySet<T>): readonly T[] | null {
  const from = new Map<T, T | null>([[start, null]]);
  const queue = [start];
  for (let at = 0; at < queue.length; at++) {
    const last = queue[at] as T;
    for (const next of leads.get(last) ?? []) {
      if (next === start && last !== start) {
        const way: T[] = [];
        for (let node: T | null | undefined = last; node != null; node = from.get(node)) way.push(node);
        return way.reverse();
      }
      if (from.has(next) || !within.has(next)) continue;
      from.set(next, last);
      queue.push(next);
    }
  }
  return null;
}

/** Ways that lead back to where they begin, each node on one of them only. Nodes that lead to themselves alone are none. */
export function cycles<T>(nodes: readonly T[], leads: Leads<T>): readonly (readonly T[])[] {
  const round = withoutEnds(nodes, leads);
  const told = new Set<T>();
  return nodes.flatMap((node) => {
    const way = told.has(node) || !round.has(node) ? null : wayBack(node, leads, round);
    if (way === null) return [];
    for (const member of way) told.add(member);
    return [way];
  });
}
