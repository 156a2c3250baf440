import type { Json, Position } from '../../model/position';
import type { RecordOp, StateRecord, StateStore } from '../../ports/state-store';
import type { Keys } from './keys';

/** Longer positions are kept once, in the body of a record of their own. A source may make them of any length (MongoDB: of a large `_id`). */
const INLINE_BYTES = 4_096;

/** Positions inside records: as they are, or as the key of the record that holds them. */
export class Positions {
  readonly #kept = new Map<string, Position>();

  constructor(
    private readonly keys: Keys,
    private readonly epoch: number,
  ) {}

  /** Adds to `needs` what has to be there before a record that holds the answer: the same position has the same record. */
  encode(position: Position | null, needs: RecordOp[]): Json {
    if (position === null) return null;
    const { source, history, token } = position;
    const json = JSON.stringify({ source, history, token });
    if (Buffer.byteLength(json) <= INLINE_BYTES) return { source, history, token };
    const key = this.keys.position(json);
    const record = { key, epoch: this.epoch, sequence: 0, generation: 0, value: null, body: Buffer.from(json) };
    needs.push({ op: 'put', expect: 'any', next: record });
    this.#kept.set(key, position);
    return { kept: key };
  }

  decode(json: Json): Position | null {
    if (json === null) return null;
    const key = keptKey(json);
    if (key === null) return json as unknown as Position;
    const found = this.#kept.get(key);
    if (found === undefined) throw new RangeError('a position was not read before it was asked for');
    return found;
  }

  /** Reads the long positions that these records name; answers the keys of those that none of them names. */
  async load(store: StateStore, records: readonly StateRecord[], signal: AbortSignal): Promise<readonly StateRecord[]> {
    const named = new Set(records.flatMap(({ value }) => [...keptIn(value)]));
    const missing = [...named].filter((key) => !this.#kept.has(key));
    for (const found of await store.get(missing, signal))
      if (found?.body) this.#kept.set(found.key, JSON.parse(found.body.toString('utf8')) as Position);
    return records.filter(({ key }) => key.startsWith(this.keys.positions) && !named.has(key));
  }
}

function keptKey(json: Json): string | null {
  const { kept } = Object(json) as { readonly kept?: unknown };
  return typeof kept === 'string' ? kept : null;
}

/** Tokens are opaque, and no record of the ledger has another field of this name beside a position. */
function* keptIn(json: Json): Generator<string> {
  if (typeof json !== 'object' || json === null) return;
  const key = keptKey(json);
  if (key !== null) yield key;
  else for (const each of Object.values(json)) yield* keptIn(each);
}
