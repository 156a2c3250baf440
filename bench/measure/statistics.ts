/** The value below which a share `q` of the values lies. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

const SHARES = [1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.9];

/** Points of a distribution: share of the values in %, and the value that they stay below. */
export const distribution = (values: readonly number[]): (readonly [number, number])[] =>
  SHARES.map((share) => [share, quantile(values, share / 100)] as const);

/** The median and, over repetitions, the range: `12.3 (11.9 … 13.0)`. */
export function spread(values: readonly number[], format: (value: number) => string): string {
  const [middle, low, high] = [median(values), Math.min(...values), Math.max(...values)].map(format);
  return low === high ? `${middle}` : `${middle} (${low} … ${high})`;
}

/** Of all processes of this machine: unlike `performance.now()`, it may be compared between two of them. */
export const now = (): number => performance.timeOrigin + performance.now();
