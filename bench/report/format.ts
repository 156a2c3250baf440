import { median, spread } from '../measure/statistics';
import { BARE_COPY, BARE_LOOP, TRIBUTARY } from '../contenders/contender';
import type { Figure, Outcome, Unit } from './outcome';

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const digits = (count: number) => (value: number) => value.toFixed(count);

const FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  'per second': whole,
  'MB/s': whole,
  MB: (value) => `${whole(value)} MB`,
  s: (value) => `${value.toFixed(1)} s`,
  ms: (value) => (value < 100 ? `${value.toFixed(1)} ms` : `${whole(value)} ms`),
  'CPU s': digits(3),
  '%': (value) => `${value.toFixed(2)} %`,
  count: (value) => (Number.isInteger(value) || value >= 100 ? whole(value) : value.toFixed(1)),
};

export interface Grid {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One row a measure, one column a contender; with the ratio of two of them, and the aim, where there are any. */
export function gridOf({ figures, aims = {} }: Outcome): Grid {
  const contenders = [...new Set(figures.map(({ contender }) => contender))];
  const measures = [...new Set(figures.map(({ measure }) => measure))];
  const bare = contenders.find((name) => name === BARE_LOOP || name === BARE_COPY);
  const aimed = Object.keys(aims).length > 0;
  const cell = (measure: string, contender: string): string => {
    const figure = figureOf(figures, measure, contender);
    return figure === undefined ? '' : spread(figure.values, FORMATS[figure.unit]);
  };
  return {
    head: ['', ...contenders, ...(bare === undefined ? [] : ['ratio']), ...(aimed ? ['aim'] : [])],
    rows: measures.map((measure) => [
      measure,
      ...contenders.map((contender) => cell(measure, contender)),
      ...(bare === undefined ? [] : [ratio(figures, measure, bare)]),
      ...(aimed ? [aims[measure] ?? ''] : []),
    ]),
  };
}

/** The product over its contender, from the medians of one run. */
function ratio(figures: readonly Figure[], measure: string, bare: string): string {
  const [ours, theirs] = [TRIBUTARY, bare].map((name) => figureOf(figures, measure, name));
  if (!ours || !theirs || ours.unit === 'count') return '';
  return (median(ours.values) / median(theirs.values)).toFixed(2);
}

const figureOf = (figures: readonly Figure[], measure: string, contender: string): Figure | undefined =>
  figures.find((figure) => figure.measure === measure && figure.contender === contender);
