import { inParallel } from '../async/in-parallel';
import type { Namespace } from '../model/namespace';
import type { Size, Source } from '../ports/source';

export async function sizesOf(
  source: Pick<Source, 'size'>,
  names: readonly Namespace[],
  signal: AbortSignal,
): Promise<Map<Namespace, Size>> {
  return new Map(await inParallel(names, async (name) => [name, await source.size(name, signal)] as const));
}
