import type { Claim, BackfillMode, RangeRecord } from '../ports/destination';
import type { Namespace, SourceNamespace } from '../model/namespace';
import type { Size } from '../ports/source';

type Sizes = ReadonlyMap<Namespace, Pick<Size, 'estimatedRows'>>;

/** Plans backfills, each as its kind of namespace is copied; answers with all ranges of the stream. */
export async function planBackfills(
  claim: Pick<Claim, 'planBackfill'>,
  sizes: Sizes,
  { mode, isOnce }: { readonly mode: BackfillMode; readonly isOnce: (name: Namespace) => boolean },
  signal: AbortSignal,
): Promise<readonly RangeRecord[] | null> {
  const once = new Map([...sizes].filter(([name]) => isOnce(name)));
  const followed = new Map([...sizes].filter(([name]) => !isOnce(name)));
  let planned: readonly RangeRecord[] | null = null;
  if (followed.size > 0) planned = await claim.planBackfill(followed, mode, signal);
  if (once.size > 0) planned = await claim.planBackfill(once, 'once', signal);
  return planned;
}

/** Which of these namespaces no change tells of. */
export function copiedOnce(namespaces: Iterable<SourceNamespace>): (name: Namespace) => boolean {
  const names = new Set<Namespace>();
  for (const { name, follows } of namespaces) if (follows === 'copy_only') names.add(name);
  return (name) => names.has(name);
}
