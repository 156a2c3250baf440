import type { RangeRecord } from '../ports/destination';
import type { Namespace } from '../model/namespace';
import type { Position } from '../model/position';

/** A namespace that a backfill copies, until the stream has passed what the backfill has read. */
export class Overlap {
  readonly namespace: Namespace;
  readonly #ended = new AbortController();
  #ranges: RangeRecord[];
  /** Updates up to here are looked up; null until the copy is complete. */
  overlapEnd: Position | null;
  /** Keys whose changes were routed since the rows under way began to be read; null while none are. */
  notes: Set<string> | null = null;
  /** The stream has passed `overlapEnd`. */
  over = false;

  constructor(namespace: Namespace, ranges: readonly RangeRecord[]) {
    this.namespace = namespace;
    this.#ranges = [...ranges];
    this.overlapEnd = ranges[0]?.overlapEnd ?? null;
  }

  /** No change tells of it: nothing is looked up, and nothing is noted. */
  get once(): boolean {
    return this.#ranges.some(({ backfill }) => backfill === 'once');
  }

  get ranges(): readonly RangeRecord[] {
    return this.#ranges;
  }

  update(range: RangeRecord): void {
    this.#ranges = this.#ranges.map((known) => (known.number === range.number ? range : known));
  }

  /** Aborts when the copy is given up: what it has read is worth nothing any more. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  end(): void {
    this.#ended.abort();
  }
}

/** The overlaps that a ledger knows of. */
export function overlapsOf(ranges: readonly RangeRecord[]): Overlap[] {
  const byNamespace = new Map<Namespace, RangeRecord[]>();
  for (const range of ranges) {
    if (range.backfill === null) continue;
    const own = byNamespace.get(range.namespace);
    if (own) own.push(range);
    else byNamespace.set(range.namespace, [range]);
  }
  return [...byNamespace].map(([namespace, own]) => new Overlap(namespace, own));
}
