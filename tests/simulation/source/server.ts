import type { EncodedRow, SchemaChange } from '../../../src/core/model/change';
import type { Namespace } from '../../../src/core/model/namespace';
import type { Clock } from '../../../src/core/ports/clock';
import { decodeRow, encodeRow, keyOf, UNIQUE, type Delta, type Fields } from '../rows';
import type { History } from './history';

/** A namespace at the source. */
export interface Table {
  readonly identity: string;
  readonly rows: Map<string, EncodedRow>;
}

/** What one entry of a log tells. */
export type What =
  | { readonly type: 'noise' }
  | { readonly type: 'schema'; readonly change: SchemaChange }
  | {
      readonly type: 'row';
      readonly namespace: Namespace;
      readonly identity: string;
      readonly key: string;
      /** After it; null where the row is gone. */
      readonly row: EncodedRow | null;
      readonly op: 'insert' | 'update' | 'replace' | 'delete';
      readonly delta: Delta | null;
    };

export interface Entry {
  /** From one on, in each log of its own. */
  readonly index: number;
  readonly timeMs: number;
  readonly what: What;
  /** The index of the last entry of its transaction. */
  commit: number;
}

/** A database that is read, as a list: the rows as they are now, and one or two logs of how they came to be so. */
export class SourceServer {
  readonly tables = new Map<Namespace, Table>();
  readonly logs: readonly Entry[][];
  /** Entries up to here are forgotten. */
  forgotten = 0;
  #tables = 0;
  #writes = 0;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    logs: number,
    private readonly history: History,
  ) {
    this.logs = Array.from({ length: logs }, () => []);
  }

  /** The end of each log. */
  get end(): number[] {
    return this.logs.map((log) => log.length);
  }

  logOf(key: string): number {
    return keyOf(key).hash % this.logs.length;
  }

  byIdentity(identity: string): [Namespace, Table] | undefined {
    return [...this.tables].find(([, table]) => table.identity === identity);
  }

  /** Calls `wake` once, as soon as there is more. */
  whenMore(wake: () => void): void {
    this.#waiting.push(wake);
  }

  noise(): void {
    this.#append(this.#writes % this.logs.length, { type: 'noise' });
    this.#writes += 1;
  }

  create(name: Namespace): void {
    if (this.tables.has(name)) return;
    const identity = `t${(this.#tables += 1)}`;
    this.tables.set(name, { identity, rows: new Map() });
    this.#schema({ op: 'create', namespace: name, kind: 'create', identity, options: Buffer.from('{}') });
  }

  drop(name: Namespace): void {
    const table = this.tables.get(name);
    if (table === undefined) return;
    this.tables.delete(name);
    this.#schema({ op: 'drop', namespace: name, kind: 'drop', identity: table.identity });
    this.history.dropped(table.identity, this.logs[0]?.length ?? 0);
  }

  rename(name: Namespace, to: Namespace): void {
    const table = this.tables.get(name);
    if (table === undefined || this.tables.has(to)) return;
    this.tables.delete(name);
    this.tables.set(to, table);
    this.#schema({ op: 'rename', namespace: name, to, kind: 'rename', identity: table.identity });
  }

  #schema(change: Omit<SchemaChange, 'sourceTimeMs'>): void {
    this.#append(0, { type: 'schema', change: { ...change, sourceTimeMs: this.clock.now() } });
    this.history.catalog(
      this.logs[0]?.length ?? 0,
      new Map([...this.tables].map(([name, { identity }]) => [name, identity])),
    );
  }

  put(name: Namespace, key: string, fields: Fields, op: 'insert' | 'replace'): void {
    const table = this.tables.get(name);
    if (table === undefined) return;
    const row = encodeRow({ key, fields: { ...this.#own(table, key, fields), n: (this.#writes += 1) } });
    this.#row(name, table, { key, row, delta: null, op: op === 'insert' && table.rows.has(key) ? 'replace' : op });
  }

  update(name: Namespace, key: string, set: Fields, unset: readonly string[] = []): void {
    const table = this.tables.get(name);
    const before = table?.rows.get(key);
    if (table === undefined || before === undefined) return;
    const delta = { set: { ...this.#own(table, key, set), n: (this.#writes += 1) }, unset };
    const fields = Object.entries({ ...decodeRow(before).fields, ...delta.set }).filter(([f]) => !unset.includes(f));
    const row = encodeRow({ key, fields: Object.fromEntries(fields) });
    this.#row(name, table, { key, row, delta, op: 'update' });
  }

  delete(name: Namespace, key: string): void {
    const table = this.tables.get(name);
    if (table?.rows.has(key) !== true) return;
    this.#row(name, table, { key, row: null, delta: null, op: 'delete' });
  }

  /** What `body` writes has one place in the log, where it is all in one. */
  transaction(body: () => void): void {
    const before = this.end;
    body();
    for (const [number, log] of this.logs.entries())
      for (const entry of log.slice(before[number])) entry.commit = log.length;
  }

  /** Values that other rows have are left out. */
  #own(table: Table, key: string, fields: Fields): Fields {
    const value = fields[UNIQUE];
    if (value === undefined) return fields;
    const isTaken = [...table.rows].some(([id, row]) => id !== key && decodeRow(row).fields[UNIQUE] === value);
    return isTaken ? Object.fromEntries(Object.entries(fields).filter(([name]) => name !== UNIQUE)) : fields;
  }

  #row(
    namespace: Namespace,
    table: Table,
    what: Omit<Extract<What, { type: 'row' }>, 'type' | 'namespace' | 'identity'>,
  ) {
    const { identity } = table;
    if (what.row === null) table.rows.delete(what.key);
    else table.rows.set(what.key, what.row);
    const log = this.logOf(what.key);
    this.#append(log, { ...what, type: 'row', namespace, identity });
    this.history.row(identity, what.key, { log, index: this.logs[log]?.length ?? 0, row: what.row });
  }

  #append(number: number, what: What): void {
    const log = this.logs[number] as Entry[];
    const index = log.length + 1;
    log.push({ index, timeMs: this.clock.now(), what, commit: index });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
