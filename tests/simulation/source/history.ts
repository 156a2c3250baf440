import type { EncodedRow } from '../../../src/core/model/change';
import type { Namespace } from '../../../src/core/model/namespace';

/** One state of a row. */
export interface State {
  /** Of all states of all rows: later ones are higher. */
  readonly order: number;
  readonly log: number;
  readonly index: number;
  /** Null: there is no such row. */
  readonly row: EncodedRow | null;
}

interface Catalog {
  readonly index: number;
  readonly tables: ReadonlyMap<Namespace, string>;
}

const NONE: ReadonlyMap<Namespace, string> = new Map();

/** All that ever was at the source. No two states of rows are alike. */
export class History {
  readonly #rows = new Map<string, State[]>();
  readonly #states = new Map<string, { readonly key: string; readonly identity: string; readonly state: State }>();
  readonly #catalogs: Catalog[] = [];
  #order = 0;

  row(identity: string, key: string, made: Omit<State, 'order'>): void {
    const state = { ...made, order: (this.#order += 1) };
    const id = `${identity} ${key}`;
    const states = this.#rows.get(id);
    if (states) states.push(state);
    else this.#rows.set(id, [state]);
    if (made.row !== null) this.#states.set(made.row.toString('latin1'), { key, identity, state });
  }

  /** The rows of a table go with it. */
  dropped(identity: string, index: number): void {
    for (const [id, states] of this.#rows)
      if (id.startsWith(`${identity} `) && states.at(-1)?.row !== null)
        states.push({ order: (this.#order += 1), log: 0, index, row: null });
  }

  catalog(index: number, tables: ReadonlyMap<Namespace, string>): void {
    this.#catalogs.push({ index, tables });
  }

  /** Which table had which name. */
  tablesAt(index: number): ReadonlyMap<Namespace, string> {
    return this.#catalogs.findLast((catalog) => catalog.index <= index)?.tables ?? NONE;
  }

  /** Whether this table has had this name ever since. */
  isNamed(name: Namespace, identity: string, since: number): boolean {
    const from = this.#catalogs.findLastIndex(({ index }) => index <= since);
    return this.#catalogs.slice(Math.max(0, from)).every(({ tables }) => tables.get(name) === identity);
  }

  /** Of every table that ever had this name. */
  *identities(name: Namespace): Generator<string> {
    let last: string | undefined;
    for (const { tables } of this.#catalogs) {
      const identity = tables.get(name);
      if (identity !== undefined && identity !== last) yield (last = identity);
    }
  }

  stateOf(row: EncodedRow) {
    return this.#states.get(row.toString('latin1'));
  }

  states(identity: string, key: string): readonly State[] {
    return this.#rows.get(`${identity} ${key}`) ?? [];
  }

  keys(identity: string): string[] {
    const begin = `${identity} `;
    return [...this.#rows.keys()].flatMap((id) => (id.startsWith(begin) ? [id.slice(begin.length)] : []));
  }
}
