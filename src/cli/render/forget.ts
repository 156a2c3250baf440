import type { Forgotten } from '../streams/forget';
import { facts, type Look } from './table';
import { count } from './text';

const NAMES: Readonly<Record<keyof Forgotten['removed'], string>> = {
  ledger: 'records of the ledger',
  ranges: 'ranges of copies',
  namespaces: 'namespaces',
  owners: 'owned targets',
  derived: 'views',
  repairs: 'open repairs',
  deadLetters: 'dead letters',
  verification: 'records of verifications',
  schedules: 'schedules at Temporal',
};

const SHOWN = 5;

export const recordsOf = ({ removed }: Forgotten): number =>
  Object.values(removed).reduce((sum, each) => sum + each, 0);

export function forgottenText(forgotten: Forgotten, look: Look): string {
  const { stream, dryRun, removed, targets, heldIndexes, historyInTemporal } = forgotten;
  const names = Object.keys(NAMES) as (keyof typeof NAMES)[];
  const shown =
    targets.length > SHOWN ? [...targets.slice(0, SHOWN), `and ${count(targets.length - SHOWN)} more`] : targets;
  const stays = [
    ...(targets.length > 0 ? [`the rows at the destination: ${shown.join(', ')}`] : []),
    ...(heldIndexes > 0
      ? [`${count(heldIndexes)} unique or TTL indexes that were never put in force; create them by hand`]
      : []),
    ...(historyInTemporal ? ['the history of its ended runs in Temporal, until its retention has passed'] : []),
    'the number of its last epoch in the ledger: no old worker can write again',
  ];
  const nothing = recordsOf(forgotten) === 0;
  const head = nothing
    ? `nothing is kept of ${stream}`
    : dryRun
      ? `of ${stream} there would be removed`
      : `of ${stream} there were removed`;
  const counted = facts(
    look,
    names.map((name) => [`  ${NAMES[name]}`, removed[name] === 0 ? null : count(removed[name])]),
  );
  return [head, ...(nothing ? [] : [counted]), 'what stays:', ...stays.map((line) => `  ${line}`)].join('\n');
}
