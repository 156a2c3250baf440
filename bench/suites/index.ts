import type { Suite } from '../suite';
import { backlog } from './backlog';
import { control } from './control';
import { copy } from './copy';
import { failover } from './failover';
import { fleet } from './fleet';
import { hotKeys } from './hot-keys';
import { lag } from './lag';
import { large } from './large';
import { many } from './many';
import { memory } from './memory';
import { recovery } from './recovery';
import { steady } from './steady';
import { temporalCost } from './temporal-cost';
import { tuning } from './tuning';
import { verify } from './verify';

/** In the order in which they run and are shown. */
export const SUITES: readonly Suite[] = [
  ...[steady, hotKeys, lag, backlog, tuning, copy, large],
  ...[many, fleet, memory, temporalCost, control, failover, recovery, verify],
];

/** Other names for what a suite answers beside its own question. */
const ALIASES: Readonly<Record<string, string>> = { cpu: 'steady' };

/** The suites of these names, each once; all of them when there are none. */
export function suitesNamed(names: readonly string[]): readonly Suite[] {
  const wanted = names.map((name) => ALIASES[name] ?? name);
  const unknown = wanted.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new Error(`there is no suite "${unknown}"; --help lists them`);
  return SUITES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

export const suiteList = (): string =>
  [...SUITES.map(({ name, about }) => [name, about]), ['cpu', 'the same as steady']]
    .map(([name = '', about = '']) => `  ${name.padEnd(14)} ${about}`)
    .join('\n');
