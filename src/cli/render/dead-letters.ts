import type { Colors } from 'picocolors/types';
import type { ReplayProgress } from '../../protocol/dead-letter-replay';
import type { DeadLetterState, DeadLetterSummary } from '../../core/model/dead-letter';
import type { ShownDeadLetter } from '../dead-letters/shown';
import { orderedJson } from '../ordered-json';
import { facts, grid, type Look } from './table';
import { age, count } from './text';

export const hashText = (hash: number): string => hash.toString(16).padStart(8, '0');

function paintState(paint: Colors, state: DeadLetterState): string {
  return state === 'open' ? paint.red(state) : paint.green(state);
}

/** One line per dead letter; a key is shown by its hash. */
export function deadLettersTable(
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

/** All of one dead letter, the data included. */
export function deadLetterDetails(letter: ShownDeadLetter, look: Look): string {
  const blocks = [
    facts(look, [
      ['dead letter', letter.id],
      ['stream', letter.stream],
      ['namespace', letter.namespace],
      ['target', letter.target === letter.namespace ? null : letter.target],
      ['state', paintState(look.paint, letter.state)],
      ['change', letter.op],
      ['reason', letter.code],
      ['', letter.message],
      ['tries', count(letter.attempts)],
      ['at the source', letter.sourceTime.toISOString()],
      ['first rejected', letter.firstAt.toISOString()],
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

/** `12 of 30 dead letters: 10 superseded, 2 rejected again`. */
export function replayLine({ letters, superseded, refused, dropped, untouched }: ReplayProgress): string {
  const parts = [
    `${count(superseded)} superseded`,
    ...(refused === 0 ? [] : [`${count(refused)} rejected again`]),
    ...(dropped === 0 ? [] : [`${count(dropped)} dropped meanwhile`]),
    ...(untouched === 0 ? [] : [`${count(untouched)} left alone: the stream does not write their namespace`]),
  ];
  return `${count(superseded + refused + dropped + untouched)} of ${count(letters)} dead letters: ${parts.join(', ')}`;
}
