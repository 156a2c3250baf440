import type { Order, Position } from '../../../src/core/model/position';

/** How much of each log. */
export const positionOf = (token: readonly number[], history = 'h'): Position => ({
  source: 'list',
  history,
  token: [...token],
});

export const tokenOf = (position: Position): readonly number[] => position.token as readonly number[];

export function order(a: Position, b: Position): Order {
  const [x, y] = [tokenOf(a), tokenOf(b)];
  let [isBefore, isAfter] = [false, false];
  for (const [log, index] of x.entries()) {
    if (index < (y[log] ?? 0)) isBefore = true;
    if (index > (y[log] ?? 0)) isAfter = true;
  }
  if (isBefore && isAfter) return 'apart';
  return isBefore ? 'before' : isAfter ? 'after' : 'same';
}
