import { CoreStream } from '../support/core';

export const forever = new AbortController().signal;

export const rows = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ _id: (from + i) as never, n: 0 }));

/** A stream that has copied everything and stands still. */
export async function standing(options: Parameters<typeof CoreStream.open>[0] = {}): Promise<CoreStream> {
  const t = await CoreStream.open(options);
  await t.copy();
  await t.catchUp();
  return t;
}
