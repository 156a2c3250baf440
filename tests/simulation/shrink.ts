import type { Plan } from './plan';

/** Which operations and faults of a plan are left. */
export interface Kept {
  readonly operations: readonly number[];
  readonly faults: readonly number[];
}

export const everything = ({ operations, faults }: Plan): Kept => ({
  operations: [...operations.keys()],
  faults: [...faults.keys()],
});

export const keep = (plan: Plan, { operations, faults }: Kept): Plan => ({
  ...plan,
  operations: plan.operations.filter((_, index) => operations.includes(index)),
  faults: plan.faults.filter((_, index) => faults.includes(index)),
});

/** Leaves out faults and operations, many at a time and then fewer, as long as what is left still fails. */
export async function shrink(
  kept: Kept,
  fails: (smaller: Kept) => Promise<boolean>,
  mayGoOn: () => boolean,
): Promise<Kept> {
  let smallest = kept;
  const left = async (part: keyof Kept): Promise<void> => {
    for (let size = Math.max(1, smallest[part].length >> 1); size > 0; size >>= 1)
      for (let at = 0; at < smallest[part].length && mayGoOn();) {
        const list = smallest[part].filter((_, index) => index < at || index >= at + size);
        const smaller = { ...smallest, [part]: list };
        if (await fails(smaller)) smallest = smaller;
        else at += size;
      }
  };
  for (let before = Infinity; sizeOf(smallest) < before && mayGoOn();) {
    before = sizeOf(smallest);
    await left('faults');
    await left('operations');
  }
  return smallest;
}

const sizeOf = ({ operations, faults }: Kept): number => operations.length + faults.length;
