import { reached, type Order, type Position } from '../model/position';

/** Beyond this many rows all changes of the lane are looked up instead, which needs no memory. */
const MOST = 50_000;

/**
 * Rows that were looked up are as the source had them later than the change that they were read for. Until the stream is
 * where they were read, each further change of them is looked up too, so that no row goes back to an older state.
 */
export class KeyWatch {
  readonly #order: (a: Position, b: Position) => Order;
  /** In the order in which they were looked up, and so in that of their positions. */
  readonly #rows = new Map<string, Position>();
  /** All rows of the lane: after a crash it is not known which of them were looked up. */
  #all: Position | null;

  constructor(order: (a: Position, b: Position) => Order, all: Position | null) {
    this.#order = order;
    this.#all = all;
  }

  get empty(): boolean {
    return this.#all === null && this.#rows.size === 0;
  }

  /** Whether a change of this row may already be in it; `apart` may. */
  covers(row: string, position: Position): boolean {
    const until = this.#rows.get(row);
    return this.#before(position, this.#all) || this.#before(position, until ?? null);
  }

  /** Whether any row of a namespace, by the beginning of its rows, was read later than `position`. */
  coversSome(rows: string, position: Position): boolean {
    if (this.#before(position, this.#all)) return true;
    for (const [row, until] of this.#rows) if (row.startsWith(rows) && this.#before(position, until)) return true;
    return false;
  }

  #before(position: Position, until: Position | null): boolean {
    return until !== null && this.#order(position, until) !== 'after';
  }

  /** `until` was taken after these rows had been read. */
  add(rows: Iterable<string>, until: Position): void {
    for (const row of rows) {
      this.#rows.delete(row);
      this.#rows.set(row, until);
    }
    if (this.#rows.size <= MOST) return;
    this.widen(until);
  }

  /** Where the newest row was read; null while nothing is covered. */
  get until(): Position | null {
    const newest = [...this.#rows.values()].at(-1) ?? this.#all;
    return newest !== null && this.#before(newest, this.#all) ? this.#all : newest;
  }

  /** From here on every row is covered: rows have other names now, or come from other lanes. */
  widen(until: Position): void {
    this.#rows.clear();
    this.#all = until;
  }

  /** Everything up to here is written. */
  pass(position: Position): void {
    if (this.#all !== null && reached(this.#order(position, this.#all))) this.#all = null;
    for (const [row, until] of this.#rows) {
      if (!reached(this.#order(position, until))) return;
      this.#rows.delete(row);
    }
  }
}
