/** Questions that are under way at a time. */
const PARALLEL = 8;

/** Results in the order of the list, asked for a few at a time. After a failure none is asked for any more. */
export async function inParallel<T, R>(list: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(list.length);
  const entries = list.entries();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (failed) return;
      results[index] = await map(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, list.length) }, work));
  return results;
}
