import { inParallel } from './in-parallel';
import type { Namespace } from './namespace';
import type { Size, Source } from './source';

export async function sizesOf(
  source: Pick<Source, 'size'>,
  names: readonly Namespace[],
  signal: AbortSignal,
): Promise<Map<Namespace, Size>> {
  return new Map(await inParallel(names, async (name) => [name, await source.size(name, signal)] as const));
}
