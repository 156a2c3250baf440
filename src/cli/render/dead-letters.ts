import type { Colors } from 'picocolors/types';
import type { ReplayProgress } from '../../protocol/dead-letter-replay';
import type { DeadLetterState, DeadLetterSummary } from '../../core/model/dead-letter';
import type { ShownLetter } from '../dead-letters/shown';
import { orderedJson } from '../ordered-json';
import { facts, grid, type Look } from './table';
import { age, count } from './text';

export const hashText = (hash: number): string => hash.toString(16).padStart(8, '0');

function paintState(paint: Colors, state: DeadLetterState): string {
  return state === 'open' ? paint.red(state) : paint.green(state);
}

/** One line per letter; a key is shown by its hash. */
export function lettersTable(
  letters: readonly Omit<DeadLetterSummary, 'position'>[],
  more: boolean,
  look: Look,
): string {
  if (letters.length === 0) return 'no dead letters';
  const rows = letters.map(({ id, namespace, keyHash, op, code, attempts, lastAt, state }) => [
    id,
    namespace,
    hashText(keyHash),
    op,
    code,
    count(attempts),
    `${age(lastAt.toISOString())} ago`,
    paintState(look.paint, state),
  ]);
  const head = ['ID', 'NAMESPACE', 'KEY HASH', 'CHANGE', 'REASON', 'TRIES', 'LAST', 'STATE'];
  return [
    grid(look, head, rows, { right: [5], wraps: [6], spare: [2, 6, 5] }),
    ...(more ? ['… and more: raise --limit'] : []),
  ].join('\n');
}

const json = (value: unknown): string => orderedJson(value, '  ');

/** All of one letter, the data included. */
export function letterDetails(letter: ShownLetter, look: Look): string {
  const blocks = [
    facts(look, [
      ['letter', letter.id],
      ['stream', letter.stream],
      ['namespace', letter.namespace],
      ['target', letter.target === letter.namespace ? null : letter.target],
      ['state', paintState(look.paint, letter.state)],
      ['change', letter.op],
      ['reason', letter.code],
      ['', letter.message],
      ['tries', count(letter.attempts)],
      ['at the source', letter.sourceTime.toISOString()],
      ['first refused', letter.firstAt.toISOString()],
      ['last', letter.lastAt.toISOString()],
      ['key hash', hashText(letter.keyHash)],
    ]),
    `key ${json(letter.key)}`,
  ];
  if (letter.row !== null) blocks.push(`row ${json(letter.row)}`);
  if (letter.delta !== null) blocks.push(`delta ${json(letter.delta)}`);
  if (!letter.kept) blocks.push('the change itself was not kept (on_error: skip)');
  return blocks.join('\n\n');
}

/** `12 of 30: 10 superseded, 2 refused again`. */
export function replayLine({ letters, superseded, refused, dropped, untouched }: ReplayProgress): string {
  const parts = [
    `${count(superseded)} superseded`,
    ...(refused === 0 ? [] : [`${count(refused)} refused again`]),
    ...(dropped === 0 ? [] : [`${count(dropped)} dropped meanwhile`]),
    ...(untouched === 0 ? [] : [`${count(untouched)} left alone: the stream does not write their namespace`]),
  ];
  return `${count(superseded + refused + dropped + untouched)} of ${count(letters)} letters: ${parts.join(', ')}`;
}
