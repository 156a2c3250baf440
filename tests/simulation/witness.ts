import type { EncodedRow } from '../../src/core/model/change';
import type { Namespace } from '../../src/core/model/namespace';
import { reached, type Position } from '../../src/core/model/position';
import type { LanePart } from '../../src/core/ports/destination';
import type { Watched } from './destination/records';
import type { Traits } from './plan';
import type { History, State } from './source/history';
import { order, tokenOf } from './source/position';
import type { SourceServer } from './source/server';

/** A promise that was broken; the first one ends the round. */
export class Violation extends Error {
  override readonly name = 'Violation';

  constructor(
    readonly rule: string,
    detail: string,
  ) {
    super(`${rule}: ${detail}`);
  }
}

export interface WitnessContext {
  readonly history: History;
  readonly source: SourceServer;
  readonly traits: Traits;
  readonly broken: (violation: Violation) => void;
}

/** Watches every step at the destination, and compares it with all that ever was at the source. */
export class Witness {
  readonly #context: WitnessContext;
  #destination: Watched | null = null;
  /** The highest epoch whose claim is complete. */
  #epoch = 0;
  /** How new each row has been seen: by namespace and key. */
  readonly #seen = new Map<Namespace, Map<string, number>>();
  /** Rows that were written in a part that ends inside of a batch, and where that batch ends. */
  readonly #placeless = new Map<string, Position>();
  /** Epoch, lane and sequence of each part that was written. */
  readonly #steps = new Set<string>();
  #isPastOverlap = false;
  #barrier: Position | null = null;

  constructor(context: WitnessContext) {
    this.#context = context;
  }

  watch(destination: Watched): void {
    this.#destination = destination;
  }

  #broken(rule: string, detail: string): void {
    this.#context.broken(new Violation(rule, detail));
  }

  claimed(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  /** A record was moved on, or something was written under it. */
  wrote(epoch: number): void {
    if (epoch < this.#epoch) this.#broken('no stale write', `epoch ${epoch} wrote after the claim of ${this.#epoch}`);
  }

  /** A start position was set: rows that are read from here on are newer than the changes that come. */
  begun(): void {
    this.#isPastOverlap = false;
    this.#barrier = null;
  }

  /** From here on no row may go back. */
  pastOverlap(): void {
    this.#isPastOverlap = true;
  }

  /** Rows that are read again out of order, or met again where positions are apart, promise convergence alone. */
  get #isOrdered(): boolean {
    const { identities, order, reads, schema, updates } = this.#context.traits;
    // A row that is looked for under a name that it no longer has is not found, until its new name is copied.
    const isFound = identities || !schema;
    return isFound && order === 'total' && reads === 'delta' && updates !== 'row-now';
  }

  /** A part of a lane was written. What has no place of its own yet is written again by the next leg, should this one end. */
  part(epoch: number, { changes, expected, lane, position }: LanePart): void {
    const step = `${epoch} ${lane} ${expected}`;
    if (this.#steps.has(step)) this.#broken('nothing is written twice', `part ${expected} of lane ${lane}`);
    this.#steps.add(step);
    for (const { namespace, key, position: at } of position === null ? changes : [])
      this.#placeless.set(`${namespace} ${key.id}`, at);
    if (position === null) return;
    for (const { namespace, key } of changes) {
      const until = this.#placeless.get(`${namespace} ${key.id}`);
      if (until !== undefined && order(position, until) !== 'before') this.#placeless.delete(`${namespace} ${key.id}`);
    }
  }

  row(namespace: Namespace, key: string, row: EncodedRow | null): void {
    if (!this.#isOrdered || this.#placeless.has(`${namespace} ${key}`)) return;
    const seen = this.#seen.get(namespace) ?? new Map<string, number>();
    this.#seen.set(namespace, seen);
    const before = seen.get(key) ?? 0;
    const now = this.#age(namespace, key, row, before);
    if (now === null) {
      this.#broken('every state was at the source', `${namespace} ${key} is ${show(row)}`);
      return;
    }
    if (now < before && this.#isPastOverlap)
      this.#broken('no row goes back', `${namespace} ${key} is ${show(row)} of ${now}, after ${before}`);
    seen.set(key, now);
  }

  /** How new a state is; null where the source never had it. Of a row that is gone: as old as it may be, but not older than `before`. */
  #age(namespace: Namespace, key: string, row: EncodedRow | null, before: number): number | null {
    const { history } = this.#context;
    if (row !== null) {
      const found = history.stateOf(row);
      return found?.key === key ? found.state.order : null;
    }
    const gone = [...history.identities(namespace)].flatMap((identity) => absences(history.states(identity, key)));
    const fits = gone.filter(({ to }) => to > before).map(({ from }) => Math.max(from, before));
    return fits.length > 0 ? Math.min(...fits) : (gone.at(-1)?.from ?? 0);
  }

  dropped(namespace: Namespace): void {
    this.#seen.delete(namespace);
  }

  renamed(namespace: Namespace, to: Namespace): void {
    const seen = this.#seen.get(namespace);
    this.#seen.delete(namespace);
    if (seen) this.#seen.set(to, seen);
  }

  /** The destination has followed a change of shape. */
  altered(position: Position): void {
    this.#barrier = position;
  }

  /** The low water moves: all before it has to be there, or on record. */
  advanced(position: Position): void {
    const destination = this.#destination;
    if (destination === null) return;
    const { history, traits } = this.#context;
    const [first = 0] = tokenOf(position);
    const shape = Math.max(first, this.#barrier === null ? 0 : (tokenOf(this.#barrier)[0] ?? 0));
    for (const [namespace, identity] of history.tablesAt(shape)) {
      if (!namespace.startsWith('shop.')) continue;
      // What was renamed or dropped before it was copied was never under this name.
      const isNamed = (this.#isPastOverlap && traits.identities) || history.isNamed(namespace, identity, first);
      if (!isNamed || this.#isUnderWay(namespace, position)) continue;
      for (const key of history.keys(identity)) {
        const missing = this.#missing(namespace, identity, key, tokenOf(position));
        if (missing !== null)
          this.#broken('low water is durable', `${namespace} ${key} ${missing} at ${JSON.stringify(position.token)}`);
      }
    }
  }

  /** Its rows are not all expected to be there yet. */
  #isUnderWay(namespace: Namespace, position: Position): boolean {
    const destination = this.#destination;
    const record = destination?.namespaces.get(namespace);
    if (destination === null || record === undefined) return false;
    if (record.unfollowed || record.parked !== null) return true;
    // What was changed while it was copied comes by the stream, until the stream is where the copy ended.
    return destination.openRanges.some(({ namespace: name, backfill, done, overlapEnd }) => {
      if (name !== namespace) return false;
      if (backfill === null) return !done;
      return overlapEnd === null || !reached(order(position, overlapEnd));
    });
  }

  #missing(namespace: Namespace, identity: string, key: string, at: readonly number[]): string | null {
    const { history } = this.#context;
    const states = history.states(identity, key);
    const due = states.findLast(({ log, index }) => index <= (at[log] ?? 0));
    if (due === undefined || this.#isOnRecord(namespace, key)) return null;
    // Read when it was gone: the change that removed it is still to come.
    if (this.#context.traits.updates === 'row-now' && absences(states).some(({ from }) => from > due.order))
      return null;
    const row = this.#destination?.targets.get(namespace)?.rows.get(key) ?? null;
    if (row === null)
      return absences(states).some(({ to }) => to > due.order) ? null : `is not there, ${show(due.row)}`;
    const found = history.stateOf(row);
    // A mixture, which only redelivered patches may leave for a while.
    if (found === undefined)
      return this.#isOrdered && !this.#placeless.has(`${namespace} ${key}`) ? `is ${show(row)}, which never was` : null;
    return found.state.order >= due.order ? null : `is ${show(row)} and not ${show(due.row)}`;
  }

  /** Left behind by a dead letter, or still asked for. */
  #isOnRecord(namespace: Namespace, key: string): boolean {
    const destination = this.#destination;
    if (destination === null) return false;
    if (destination.repairs.has(`${namespace} ${key}`)) return true;
    for (const letter of destination.deadLetters.values())
      if (letter.state === 'open' && letter.namespace === namespace && letter.key.id === key) return true;
    return false;
  }

  /** Both sides, when all is over. */
  compare(): void {
    const { source } = this.#context;
    const destination = this.#destination;
    if (destination === null) return;
    for (const [name, { rows }] of source.tables) {
      if (!name.startsWith('shop.')) continue;
      const there = destination.targets.get(name)?.rows;
      if (there === undefined) this.#broken('nothing is lost', `${name} is not there`);
      for (const key of new Set([...rows.keys(), ...(there?.keys() ?? [])])) {
        const [wanted, found] = [rows.get(key) ?? null, there?.get(key) ?? null];
        const isSame = wanted === null || found === null ? wanted === found : wanted.equals(found);
        if (!isSame && !this.#isOnRecord(name, key))
          this.#broken('nothing is lost', `${name} ${key} is ${show(found)} and not ${show(wanted)}`);
      }
    }
    for (const name of destination.targets.keys())
      if (!source.tables.has(name)) this.#broken('nothing is lost', `${name} is there and not at the source`);
    if (destination.repairs.size > 0) this.#broken('repairs come to an end', [...destination.repairs.keys()].join());
  }
}

/** When a row was not there, between two of its states. */
function absences(states: readonly State[]): { readonly from: number; readonly to: number }[] {
  const gaps = states.flatMap((state, at) =>
    state.row === null ? [{ from: state.order, to: states[at + 1]?.order ?? Infinity }] : [],
  );
  return [{ from: 0, to: states[0]?.order ?? Infinity }, ...gaps];
}

const show = (row: EncodedRow | null): string => row?.toString('latin1') ?? 'gone';
