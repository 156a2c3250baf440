import type { Act, Plan } from './plan';

/** Smaller plans to try, the most promising first: without a fault, then with half of the acts, then without one work. */
export function smaller(plan: Plan): Plan[] {
  const { faults, before, during } = plan;
  return [
    ...(faults.length > 1 ? faults.map((_, index) => ({ ...plan, faults: without(faults, index) })) : []),
    ...halves(during).map((acts) => ({ ...plan, during: acts })),
    ...halves(before).map((acts) => ({ ...plan, before: acts })),
    ...during.flatMap((act, at) =>
      act.works.map((_, index) => ({
        ...plan,
        during: during.map((each, n): Act => (n === at ? { ...each, works: without(each.works, index) } : each)),
      })),
    ),
  ];
}

const without = <T>(list: readonly T[], index: number): T[] => list.filter((_, each) => each !== index);

/** Each half on its own; what is left out becomes silence of the same length, so that faults meet what they met before. */
function halves(acts: readonly Act[]): Act[][] {
  const busy = acts.flatMap(({ works }, index) => (works.length > 0 ? [index] : []));
  if (busy.length < 2) return [];
  const middle = busy[Math.floor(busy.length / 2)] ?? 0;
  const silent = (from: number, to: number): Act[] =>
    acts.map((act, index) => (index >= from && index < to ? { ms: act.ms, works: [] } : act));
  return [silent(0, middle), silent(middle, acts.length)];
}

/** Takes the first smaller plan that still fails, again and again, until none does or the time is over. */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>, timeMs: number): Promise<Plan> {
  const until = performance.now() + timeMs;
  let smallest = plan;
  for (let found = true; found;) {
    found = false;
    for (const candidate of smaller(smallest)) {
      if (performance.now() > until) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      found = true;
      break;
    }
  }
  return smallest;
}
