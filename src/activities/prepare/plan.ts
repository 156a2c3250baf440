import type { Ledger } from '../../core/ports/destination';
import { inParallel } from '../../core/async/in-parallel';
import type { Namespace, SourceNamespace } from '../../core/model/namespace';
import type { Cut, CutOptions, Source } from '../../core/ports/source';

/** The rest of a range is read by its own question, and some servers go through all keys for one: few are better than many. */
const ROWS_PER_RANGE = 250_000;
const BIG_ROWS = 50_000;
const RANGES_MAX = 1_000;

/** A namespace that is gone by now: a range without rows marks it as copied, so that the next `prepare` does not plan it again. */
const NOTHING: Cut = {
  ranges: [{ from: null, to: null, estimatedRows: 0 }],
  estimatedRows: 0,
  estimatedBytes: 0,
};

/** Twice as many as loaders, so that none waits long for the slowest one. */
export function rangeCount(estimatedRows: number, parallelism: number): number {
  const bySize = Math.max(1, Math.ceil(estimatedRows / ROWS_PER_RANGE));
  return Math.min(RANGES_MAX, estimatedRows >= BIG_ROWS ? Math.max(bySize, 2 * parallelism) : bySize);
}

export interface CutPlan extends Pick<CutOptions, 'since'> {
  readonly names: readonly Namespace[];
  readonly namespaces: ReadonlyMap<Namespace, SourceNamespace>;
  readonly parallelism: number;
}

/** The ranges of everything that is to be copied, or compared. */
export async function cut(
  source: Pick<Source, 'ranges'>,
  { names, namespaces, parallelism, since }: CutPlan,
  signal: AbortSignal,
): Promise<Map<Namespace, Cut>> {
  const count = (rows: number): number => rangeCount(rows, parallelism);
  const cuts = await inParallel(names, async (name) => {
    const found = namespaces.get(name);
    return [name, found === undefined ? NOTHING : await source.ranges(found, { count, since }, signal)] as const;
  });
  return new Map(cuts);
}

export const rangesOf = (cuts: ReadonlyMap<Namespace, Cut>): Map<Namespace, Cut['ranges']> =>
  new Map([...cuts].map(([name, { ranges }]) => [name, ranges]));

/** Ranges of an earlier plan that will not be copied: their namespaces are no longer selected, or no longer exist. */
export function abandoned(
  { ranges }: Ledger,
  source: Pick<Source, 'selects'>,
  wanted: ReadonlySet<Namespace>,
): readonly Namespace[] {
  // A backfill also deletes what the source no longer has.
  const open = ranges.filter(
    ({ namespace, done, backfill }) =>
      !done && !wanted.has(namespace) && (backfill === null || !source.selects(namespace)),
  );
  return [...new Set(open.map(({ namespace }) => namespace))];
}
