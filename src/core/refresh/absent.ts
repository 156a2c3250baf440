import type { Absent } from '../ports/destination';
import type { Source } from '../ports/source';

/** Asks the source, as of now, which rows it does not have. */
export async function absentFrom(
  source: Pick<Source, 'fetch' | 'currentPosition'>,
  signal: AbortSignal,
): Promise<Absent> {
  const since = await source.currentPosition(signal);
  return async (namespace, keys, until) => {
    const there = await source.fetch(namespace, keys, since, until);
    return keys.filter(({ id }) => !there.has(id));
  };
}
