import { TRAITS } from './plan';
import { commandOf, type Failure, type Session } from './session';
import type { Stats } from './stats';

const number = (value: number): string => Math.round(value).toLocaleString('en-US');

export function lineOf(failure: Failure, mutant?: string): string {
  const { seed, kept, violation } = failure;
  const size = `${kept.operations.length} operations, ${kept.faults.length} faults`;
  return `seed ${seed}: ${violation.message}\n  ${size}; again: ${commandOf(failure, mutant)}`;
}

/** What was exercised. */
export function summaryOf({ played, failures, stats }: Session, ms: number): string {
  const of = (what: string): string => number(stats.counts.get(what) ?? 0);
  return [
    `${number(played)} rounds in ${(ms / 1000).toFixed(1)} s, ${failures.length} failed: ${of('legs')} legs (${of('legs lost')} left behind), ${of('changes')} changes written`,
    `operations: ${list(stats, 'operation ')}`,
    `faults: ${list(stats, 'fault ')}`,
    `calls that met one: ${list(stats, 'met ')}`,
    `seen: ${list(stats, 'log ')}`,
    pairs(stats, played),
  ].join('\n');
}

const list = (stats: Stats, prefix: string): string =>
  stats
    .beginning(prefix)
    .map(([name, times]) => `${name.slice(prefix.length)} ${number(times)}`)
    .join(', ');

/** How often each pair of trait values occurs in a thousand rounds. */
function pairs(stats: Stats, played: number): string {
  const possible = pairNames();
  const times = possible.map((name): [string, number] => [name, stats.counts.get(`pair ${name}`) ?? 0]);
  const [rarest = ['none', 0]] = times.toSorted(([, a], [, b]) => a - b);
  const met = times.filter(([, count]) => count > 0).length;
  const rate = played === 0 ? 0 : (rarest[1] * 1000) / played;
  return `pairs of traits: ${met} of ${possible.length}; the rarest, ${rarest[0]}, ${number(rate)} times in 1,000 rounds`;
}

function pairNames(): string[] {
  const all = Object.entries(TRAITS).map(([name, values]) => values.map((value) => `${name}=${value}`));
  return all
    .flatMap((values, index) =>
      all.slice(index + 1).flatMap((others) => values.flatMap((one) => others.map((other) => `${one} ${other}`))),
    )
    .filter((name) => name !== 'order=vector schema=true');
}
