import { BSON, Long } from 'mongodb';
import { createColors } from 'picocolors';
import { shown } from '../../src/cli/dead-letters/shown';
import { deadLetterDetails, deadLettersTable, replayLine } from '../../src/cli/render/dead-letters';
import type { DeadLetter, DeadLetterSummary } from '../../src/core/model/dead-letter';

const plain = { paint: createColors(false), columns: Infinity };
const at = new Date('2026-01-01T00:00:00Z');

const summary: DeadLetterSummary = {
  id: '0f3c',
  stream: 'orders',
  namespace: 'shop.orders',
  target: 'archive.orders',
  keyHash: 0xabc,
  op: 'replace',
  code: 'duplicate_key',
  message: 'a unique index refuses the row',
  attempts: 1_200,
  position: { source: 'mongodb', history: 'h', token: 1 },
  sourceTime: at,
  firstAt: at,
  lastAt: at,
  state: 'open',
  kept: true,
};

const encoded = (row: BSON.Document): Buffer => Buffer.from(BSON.serialize(row));

const letter: DeadLetter = {
  ...summary,
  key: encoded({ _id: Long.fromNumber(7) }),
  row: encoded({ _id: Long.fromNumber(7), name: 'Ada', since: at }),
  delta: null,
};

test('a list has a line for each dead letter, and says when there are more', () => {
  const table = deadLettersTable([summary], true, plain);
  expect(table).toMatch(/0f3c +shop\.orders +00000abc +replace +duplicate_key +1,200 .* open/);
  expect(table).toContain('--limit');
  expect(deadLettersTable([], false, plain)).toBe('no dead letters');
});

test('a dead letter is shown with its data, typed where that is asked for', () => {
  const relaxed = shown(letter, { canonical: false });
  expect(relaxed.row).toEqual({ _id: 7, name: 'Ada', since: { $date: '2026-01-01T00:00:00Z' } });
  expect(shown(letter, { canonical: true }).key).toEqual({ _id: { $numberLong: '7' } });
  const details = deadLetterDetails(relaxed, plain);
  expect(details).toContain('"name": "Ada"');
  expect(details).toMatch(/target +archive\.orders/);
  expect(deadLetterDetails(shown({ ...letter, row: null, kept: false }, { canonical: false }), plain)).toContain(
    'on_error: skip',
  );
});

test('a replay is told in one line', () => {
  expect(replayLine({ letters: 30, superseded: 10, refused: 2, dropped: 0, untouched: 1 })).toBe(
    '13 of 30 dead letters: 10 superseded, 2 rejected again, 1 left alone: the stream does not write their namespace',
  );
  expect(replayLine({ letters: 0, superseded: 0, refused: 0, dropped: 0, untouched: 0 })).toBe(
    '0 of 0 dead letters: 0 superseded',
  );
});
