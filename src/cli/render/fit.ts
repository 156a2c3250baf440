import stringWidth from 'string-width';

/** Between two columns. */
export const GAP = 2;
/** A cell that is wider holds sentences: they can be read down to `PROSE_LEAST`, and break everywhere if need be. */
const PROSE = 40;
const PROSE_LEAST = 20;

const ESCAPE = String.fromCharCode(27);
const COLOUR = `${ESCAPE}\\[[0-9;]*m`;
const TOKEN = new RegExp(`${COLOUR}|.`, 'gu');
const COLOURS = new RegExp(COLOUR, 'gu');
/** They end what began last: colours are nested. */
const COLOUR_ENDS = new RegExp(`^${ESCAPE}\\[(?:0|2[2-9]|39|49)m$`, 'u');
const NO_COLOUR = `${ESCAPE}[0m`;

export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  /** Cells may take several lines; ids and numbers may not. */
  readonly wraps: boolean;
}

/** Of the widest line, as a terminal shows it: colours take no room, some characters two columns. */
export const widthOf = (text: string): number =>
  text.split('\n').reduce((widest, line) => Math.max(widest, stringWidth(line)), 0);

const widest = (texts: readonly string[]): number => texts.reduce((width, text) => Math.max(width, widthOf(text)), 0);

const longestWord = (texts: readonly string[]): number => widest(texts.flatMap((text) => text.split(/\s/u)));

function least({ head, cells, wraps }: Column): number {
  const width = widest(cells);
  const body = !wraps ? width : width > PROSE ? PROSE_LEAST : longestWord(cells);
  return Math.max(longestWord([head]), body);
}

/** The width of each column, so that all fit into `columns`: the widest one gives way first. Null where they cannot fit. */
export function fit(table: readonly Column[], columns: number): number[] | null {
  const room = columns - GAP * (table.length - 1);
  const most = table.map(({ head, cells }) => widest([head, ...cells]));
  const fewest = table.map(least);
  const sum = (widths: readonly number[]) => widths.reduce((all, width) => all + width, 0);
  if (sum(most) <= room) return most;
  if (sum(fewest) > room) return null;
  const widths = most.map((width, at) => ({ width, least: fewest[at] ?? width }));
  for (let over = sum(most) - room; over > 0; over -= 1) {
    const shrinkable = widths.filter((one) => one.width > one.least);
    const first = shrinkable.reduce((wide, one) => (one.width > wide.width ? one : wide));
    first.width -= 1;
  }
  return widths.map(({ width }) => width);
}

/** Breaks at spaces, and within a word only where that is wider than a line. */
export const wrap = (text: string, width: number): string =>
  text
    .split('\n')
    .flatMap((line) => (stringWidth(line) <= width ? [line] : wrapLine(line, width)))
    .join('\n');

/** The lines of a cell. A colour ends with its line and begins again in the next one: other cells stand between them. */
export function linesOf(text: string): string[] {
  const open: string[] = [];
  return text.split('\n').map((line) => {
    const began = open.join('');
    for (const [code] of line.matchAll(COLOURS)) {
      if (COLOUR_ENDS.test(code)) open.pop();
      else open.push(code);
    }
    return open.length === 0 ? `${began}${line}` : `${began}${line}${NO_COLOUR}`;
  });
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (stringWidth(longer) <= width) {
      current = longer;
      continue;
    }
    if (current !== '') lines.push(current);
    const pieces = broken(word, width);
    current = pieces.pop() ?? '';
    lines.push(...pieces);
  }
  return [...lines, current];
}

function broken(word: string, width: number): string[] {
  const pieces: string[] = [];
  let current = '';
  for (const token of word.match(TOKEN) ?? []) {
    if (stringWidth(current + token) > width && current !== '') {
      pieces.push(current);
      current = '';
    }
    current += token;
  }
  return [...pieces, current];
}
