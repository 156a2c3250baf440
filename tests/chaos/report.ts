import type { Outcome } from './round';

const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;

/** One line for a round. */
export function lineOf({
  plan,
  result,
  problems,
  bites,
  statements,
  writes,
  redelivered,
  judged,
  ms,
}: Outcome): string {
  const faults = bites.map(({ kind, bit }) => (bit ? kind : `(${kind})`)).join(' ');
  const what = `${plan.updates}, ${statements} statements, ${writes} writes, ${redelivered} redelivered${judged ? '' : ', not judged'}`;
  const lines = [`seed ${plan.seed}: ${result} in ${seconds(ms)} [${faults}] ${what}`];
  if (result === 'void')
    lines.push(...bites.filter(({ bit }) => !bit).map(({ kind, evidence }) => `  ${kind} did not bite: ${evidence}`));
  return [...lines, ...problems.slice(0, 12).map((problem) => `  ${problem}`)].join('\n');
}

/** The table at the end. */
export function summaryOf(outcomes: readonly Outcome[], ms: number): string {
  const of = (result: Outcome['result']): Outcome[] => outcomes.filter((outcome) => outcome.result === result);
  const counted = [...of('passed'), ...of('failed')];
  const sum = (value: (outcome: Outcome) => number): number => counted.reduce((all, each) => all + value(each), 0);
  const bit = new Map<string, { readonly all: number; readonly inStep: number }>();
  for (const { kind, inStep: pastOverlap } of counted.flatMap(({ bites }) => bites.filter((each) => each.bit))) {
    const before = bit.get(kind) ?? { all: 0, inStep: 0 };
    bit.set(kind, { all: before.all + 1, inStep: before.inStep + (pastOverlap ? 1 : 0) });
  }
  const width = Math.max(12, ...[...bit.keys()].map(({ length }) => length)) + 2;
  const row = (name: string, value: string | number): string => `${name.padEnd(width)}${value}`;
  const went = counted.flatMap(({ problems }) => problems).filter((problem) => problem.startsWith('went back'));
  return [
    '',
    row('rounds', `${of('passed').length} passed, ${of('failed').length} failed, ${of('void').length} did not count`),
    row('duration', seconds(ms)),
    row(
      'statements',
      sum(({ statements }) => statements),
    ),
    row(
      'writes',
      sum(({ writes }) => writes),
    ),
    row(
      'redelivered',
      sum(({ redelivered }) => redelivered),
    ),
    row('regressions', went.length),
    row('judged', `${counted.filter(({ judged }) => judged).length} rounds were in step before their end`),
    '',
    row('fault', 'bit (of these in step)'),
    ...[...bit].sort(([a], [b]) => a.localeCompare(b)).map(([kind, of]) => row(kind, `${of.all} (${of.inStep})`)),
    ...of('failed').map(({ plan, directory }) => `failed: seed ${plan.seed}, see ${directory}`),
  ].join('\n');
}
