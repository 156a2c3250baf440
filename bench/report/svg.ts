import { ticksOf } from './ticks';
import type { Axis, Chart, Line } from './outcome';

const WIDTH = 720;
const HEIGHT = 400;
const PLOT = { left: 76, right: 704, top: 44, bottom: 320 };
const LEGEND = { top: 366, column: 340, row: 18 };
/** Told apart by people who see colours differently, too. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

interface Projection {
  readonly ticks: readonly number[];
  place(value: number): number;
}

/** A line chart as SVG text: the same chart gives the same bytes. */
export function svgOf({ title, x, y, lines }: Chart): string {
  const shown = lines.map((line) => ({ ...line, points: line.points.filter((point) => fits(point, x, y)) }));
  const across = projection(
    shown.flatMap(({ points }) => points.map(([value]) => value)),
    x,
    [PLOT.left, PLOT.right],
  );
  const up = projection(
    shown.flatMap(({ points }) => points.map(([, value]) => value)),
    y,
    [PLOT.bottom, PLOT.top],
  );
  const height = HEIGHT + LEGEND.row * Math.max(0, Math.ceil(lines.length / 2) - 1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(PLOT.left, 24, title, 'font-size="15" font-weight="600"'),
    ...up.ticks.flatMap((tick) => [
      segment(PLOT.left, up.place(tick), PLOT.right, up.place(tick), '#dddddd'),
      text(PLOT.left - 8, up.place(tick) + 4, label(tick), 'text-anchor="end"'),
    ]),
    ...across.ticks.flatMap((tick) => [
      segment(across.place(tick), PLOT.bottom, across.place(tick), PLOT.bottom + 5, '#555555'),
      text(across.place(tick), PLOT.bottom + 18, label(tick), 'text-anchor="middle"'),
    ]),
    segment(PLOT.left, PLOT.bottom, PLOT.right, PLOT.bottom, '#555555'),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 34, x.label, 'text-anchor="middle"'),
    text(0, 0, y.label, `text-anchor="middle" transform="translate(16 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)"`),
    ...shown.flatMap((line, index) => drawn(line, index, across, up)),
    '</svg>',
    '',
  ].join('\n');
}

const fits = ([a, b]: readonly [number, number], x: Axis, y: Axis): boolean =>
  (
    [
      [a, x],
      [b, y],
    ] as const
  ).every(([value, axis]) => Number.isFinite(value) && (axis.scale === 'linear' || value > 0));

function projection(values: readonly number[], { scale }: Axis, [low, high]: readonly [number, number]): Projection {
  const ticks = ticksOf(values, scale);
  const [from = 0, to = 1] = [ticks[0], ticks.at(-1)];
  const unit = scale === 'log' ? Math.log10 : (value: number) => value;
  const place = (value: number): number => low + ((unit(value) - unit(from)) / (unit(to) - unit(from))) * (high - low);
  return { ticks, place };
}

function drawn({ name, points }: Line, index: number, across: Projection, up: Projection): string[] {
  const colour = COLOURS[index % COLOURS.length] as string;
  const places = points.map(([x, y]) => [across.place(x), up.place(y)].map(round).join(','));
  const [x, y] = [PLOT.left + (index % 2) * LEGEND.column, LEGEND.top + Math.floor(index / 2) * LEGEND.row];
  // More lines than colours are told apart by their dashes.
  const dash = index < COLOURS.length ? '' : ' stroke-dasharray="6 3"';
  return [
    `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`,
    ...(points.length <= 20
      ? places
          .map((place) => place.split(','))
          .map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`)
      : []),
    `<line x1="${x}" y1="${y}" x2="${x + 22}" y2="${y}" stroke="${colour}" stroke-width="2"${dash}/>`,
    text(x + 28, y + 4, name),
  ];
}

const round = (value: number): number => Math.round(value * 10) / 10;

const label = (value: number): string =>
  Math.abs(value) >= 1000 ? value.toLocaleString('en') : String(Number(value.toPrecision(3)));

const segment = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"/>`;

const text = (x: number, y: number, content: string, attributes = ''): string =>
  `<text x="${round(x)}" y="${round(y)}" fill="#222222"${attributes === '' ? '' : ` ${attributes}`}>${escaped(content)}</text>`;

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
