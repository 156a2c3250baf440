import type { Axis } from './outcome';

const STEPS = [1, 2, 5, 10];
const ABOUT = 6;

/** Round numbers that enclose all values; the first and the last one are the ends of the axis. */
export function ticksOf(values: readonly number[], scale: Axis['scale']): number[] {
  if (values.length === 0) return [scale === 'log' ? 1 : 0, 10];
  return scale === 'log' ? logarithmic(values) : linear(values);
}

/** From 0 on, so that heights can be compared. */
function linear(values: readonly number[]): number[] {
  const most = Math.max(...values);
  if (most <= 0) return [0, 1];
  const raw = most / ABOUT;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = (STEPS.find((factor) => factor * power >= raw) ?? 10) * power;
  // Multiplied, not added up: 0.1 + 0.2 is not 0.3.
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

function logarithmic(values: readonly number[]): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const grid: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of [1, 2, 5]) grid.push(Number((factor * 10 ** power).toPrecision(12)));
  }
  const from = grid.findLastIndex((tick) => tick <= low);
  const to = grid.findIndex((tick) => tick >= high);
  return from === to ? grid.slice(from, from + 2) : grid.slice(from, to + 1);
}
