/** Decides how a value is printed. */
export type Unit = 'per second' | 'MB/s' | 'MB' | 's' | 'ms' | 'CPU s' | '%' | 'count';

/** One measure of one contender: a value for each repetition. */
export interface Figure {
  readonly measure: string;
  readonly contender: string;
  readonly unit: Unit;
  readonly values: readonly number[];
}

/** What a measure should be, for the reader; nothing is asserted. */
export type Aims = Readonly<Record<string, string>>;

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  /** Its file is `docs/charts/<name>.svg`. */
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

/** What a suite found. */
export interface Outcome {
  readonly figures: readonly Figure[];
  readonly aims?: Aims;
  readonly charts?: readonly Chart[];
  readonly notes?: readonly string[];
}

/** Collects values over repetitions, in the order in which measures are first met. */
export class Figures {
  readonly #figures: { measure: string; contender: string; unit: Unit; values: number[] }[] = [];

  add(contender: string, measure: string, unit: Unit, ...values: readonly number[]): this {
    let figure = this.#figures.find((known) => known.measure === measure && known.contender === contender);
    if (figure === undefined) this.#figures.push((figure = { measure, contender, unit, values: [] }));
    figure.values.push(...values);
    return this;
  }

  get all(): readonly Figure[] {
    return this.#figures;
  }
}
