import Table from 'cli-table3';
import type { Io } from '../io';
import { type Column, fit, GAP, linesOf, widthOf, wrap } from './fit';

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((part) => [part, '']),
);

/** Where a text is shown; the `Io` of a command is one. Asked for each time: a terminal changes its width. */
export type Look = Pick<Io, 'paint' | 'columns'>;

export interface TableOptions {
  readonly right?: readonly number[];
  /** Columns whose cells may take several lines; those of the others stay whole. */
  readonly wraps?: readonly number[];
  /** Columns that are left out where the table does not fit, first to last: what they show is found elsewhere. */
  readonly spare?: readonly number[];
}

const plain = (right: readonly boolean[]): Table.TableConstructorOptions => ({
  chars: { ...NO_LINES, middle: ' '.repeat(GAP) },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  colAligns: right.map((each) => (each ? 'right' : 'left')),
});

const trimLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');

/** The least that a value gets beside its name, on a terminal that is narrower than any name. */
const LEAST_VALUE = 8;

/**
 * Columns without lines around them: easy to read, to grep and to cut. Where they do not fit into the terminal, cells
 * wrap, then columns are left out that may be, and at last each row is a block of its own, a line for each column.
 */
export function grid(
  { columns }: Pick<Look, 'columns'>,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [], wraps = [], spare = [] }: TableOptions = {},
): string {
  const all = head.map((name, at) => ({
    head: name,
    cells: rows.map((row) => row[at] ?? ''),
    wraps: wraps.includes(at),
    right: right.includes(at),
    spare: spare.indexOf(at) + 1,
  }));
  for (let left = 0; left <= spare.length; left += 1) {
    const shown = all.filter((column) => column.spare === 0 || column.spare > left);
    const widths = fit(shown, columns);
    if (widths !== null) return drawn(shown, widths);
  }
  return rows
    .map((row) =>
      facts(
        { columns },
        head.map((name, at) => [name, row[at] ?? '']),
      ),
    )
    .join('\n\n');
}

function drawn(shown: readonly (Column & { readonly right: boolean })[], widths: readonly number[]): string {
  const cell = (text: string, at: number) => wrap(text, widths[at] ?? Infinity);
  const table = new Table(plain(shown.map(({ right }) => right)));
  const height = shown[0]?.cells.length ?? 0;
  table.push(...lines(shown.map(({ head }, at) => cell(head, at))));
  for (let row = 0; row < height; row += 1)
    table.push(...lines(shown.map(({ cells }, at) => cell(cells[row] ?? '', at))));
  return trimLines(table.toString());
}

/**
 * A row for each line of the cells. cli-table3 gets no cell of several lines: for each line that it draws it cuts the
 * whole cell down, character by character (seen: 4 s for one row with a finding of 1,500 characters).
 */
function lines(cells: readonly string[]): string[][] {
  const split = cells.map(linesOf);
  const height = Math.max(...split.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => split.map((each) => each[line] ?? ''));
}

/** Sentences beside a table, in lines that fit; `indent` stands before each of them. */
export const prose = ({ columns }: Pick<Look, 'columns'>, text: string, indent = ''): string =>
  wrap(text, columns - indent.length)
    .split('\n')
    .map((line) => indent + line)
    .join('\n');

/** What went wrong, and below it what to do. */
export const trouble = (look: Pick<Look, 'columns'>, what: string, remedy: string): string =>
  remedy === '' ? prose(look, what) : `${prose(look, what)}\n${prose(look, remedy, '  ')}`;

/** Two columns: a name and what it is, which may take several lines. Rows without a value are left out. */
export function facts({ columns }: Pick<Look, 'columns'>, rows: readonly (readonly [string, string | null])[]): string {
  const known = rows.filter((row): row is readonly [string, string] => row[1] !== null && row[1] !== '');
  const names = known.reduce((width, [name]) => Math.max(width, widthOf(name)), 0);
  const room = Math.max(LEAST_VALUE, columns - names - GAP);
  const table = new Table(plain([false, false]));
  for (const [name, value] of known) table.push(...lines([name, wrap(value, room)]));
  return trimLines(table.toString());
}
