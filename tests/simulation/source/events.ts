import type { Change, EncodedRow } from '../../../src/core/model/change';
import type { Namespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type { SourceEvent, StreamOptions } from '../../../src/core/ports/source';
import type { Traits } from '../plan';
import { encodeDelta, keyOf } from '../rows';
import { order, positionOf, tokenOf } from './position';
import type { Entry, What } from './server';

/** An entry as it was read, with the row as it is now. */
export interface Read {
  readonly log: number;
  readonly entry: Entry;
  readonly now: EncodedRow | null;
}

type RowEntry = Extract<What, { type: 'row' }>;

/** Puts entries of a log into the words of the core. */
export class Decoder {
  readonly #at: number[];
  /** A batch was begun by a `part`. */
  #isOpen = false;

  constructor(
    from: Position,
    private readonly traits: Traits,
    private readonly options: StreamOptions,
    private readonly selects: (name: Namespace) => boolean,
  ) {
    this.#at = [...tokenOf(from)];
  }

  /** Everything up to here was told. */
  get at(): readonly number[] {
    return this.#at;
  }

  *events(read: readonly Read[]): Generator<SourceEvent> {
    let changes: Change[] = [];
    let isWhole = true;
    let sourceTimeMs = 0;
    const take = (): Pick<Extract<SourceEvent, { type: 'part' }>, 'changes' | 'bytes'> => {
      const taken = changes;
      changes = [];
      return { changes: taken, bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0) };
    };
    for (const { log, entry, now } of read) {
      this.#at[log] = entry.index;
      ({ timeMs: sourceTimeMs } = entry);
      isWhole = this.traits.positions === 'change' || entry.index === entry.commit;
      const { what } = entry;
      if (what.type === 'row' && this.selects(what.namespace)) {
        const change = this.#change(what, this.#position(log, entry), entry.timeMs, now);
        if (change !== null) changes.push(change);
      } else if (what.type === 'schema' && this.selects(what.change.namespace)) {
        const before = [...this.#at];
        before[log] = entry.index - 1;
        if (changes.length > 0 || this.#isOpen)
          yield { type: 'commit', ...take(), position: positionOf(before), sourceTimeMs };
        this.#isOpen = false;
        const { identity, ...rest } = what.change;
        const change = this.traits.identities && identity !== undefined ? what.change : rest;
        yield { type: 'schema', change, position: positionOf(this.#at) };
      }
    }
    const position = positionOf(this.#at);
    const isIdle = read.length === 0 || (changes.length === 0 && isWhole && !this.#isOpen);
    this.#isOpen = !isIdle && !isWhole;
    if (isIdle) yield { type: 'idle', position, sourceTimeMs };
    else if (isWhole) yield { type: 'commit', ...take(), position, sourceTimeMs };
    else yield { type: 'part', ...take() };
  }

  #position(log: number, entry: Entry): Position {
    const at = [...this.#at];
    at[log] = this.traits.positions === 'change' ? entry.index : entry.commit;
    return positionOf(at);
  }

  #change(
    { namespace, identity, key: id, row, op, delta }: RowEntry,
    position: Position,
    sourceTimeMs: number,
    now: EncodedRow | null,
  ): Change | null {
    const key = keyOf(id);
    const base = { namespace, key, sourceTimeMs, position, ...(this.traits.identities && { identity }) };
    if (row === null) return { ...base, op: 'delete', bytes: key.bytes.length };
    if (this.traits.updates === 'row-now')
      return now === null ? null : { ...base, op: 'replace', row: now, bytes: now.length };
    if (op === 'update' && delta !== null && this.traits.updates === 'patch') {
      const encoded = encodeDelta(delta);
      return { ...base, op, delta: encoded, bytes: encoded.length, needsLookup: this.#overlaps(namespace, position) };
    }
    return { ...base, op: op === 'insert' ? 'insert' : 'replace', row, bytes: row.length };
  }

  #overlaps(namespace: Namespace, position: Position): boolean {
    const { overlapEnd, looksUp, updates } = this.options;
    if (updates === 'row' || looksUp?.(namespace) === true) return true;
    return overlapEnd !== null && order(position, overlapEnd) !== 'after';
  }
}
