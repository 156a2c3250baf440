import Table from 'cli-table3';

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

export interface TableOptions {
  readonly right?: readonly number[];
  /** Wraps the cells of these columns to their width. */
  readonly widths?: readonly (number | null)[];
}

const plain = (columns: number, { right = [], widths }: TableOptions): Table.TableConstructorOptions => ({
  chars: { ...NO_LINES, middle: '  ' },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  colAligns: Array.from({ length: columns }, (_, column) => (right.includes(column) ? 'right' : 'left')),
  ...(widths === undefined ? {} : { colWidths: [...widths], wordWrap: true }),
});

const trimLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');

/** Columns without lines around them: easy to read, to grep and to cut. */
export function grid(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const table = new Table({ ...plain(head.length, options), head: [...head] });
  for (const row of rows) table.push([...row]);
  return trimLines(table.toString());
}

/** Two columns: a name and what it is. Rows without a value are left out. */
export function facts(rows: readonly (readonly [string, string | null])[]): string {
  const table = new Table(plain(2, {}));
  for (const [name, value] of rows) if (value !== null && value !== '') table.push([name, value]);
  return trimLines(table.toString());
}
