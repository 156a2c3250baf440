import type { Change } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, Destination, RangeRecord } from '../ports/destination';
import type { Condition } from '../async/condition';
import type { InFlight } from '../pump/in-flight';
import { NamespaceBackfills, type Unplaced } from './backfills';
import type { Lane } from '../write/lane';
import type { Limiter } from '../write/limiter';
import type { Batch, LowWater } from '../pump/low-water';
import type { Namespace } from '../model/namespace';
import type { Namespaces } from '../schema/namespaces';
import { overlapsOf } from '../refresh/overlap';
import { reached, type Position } from '../model/position';
import type { Meter } from '../pump/progress';
import { Repairs } from './repairs';
import type { Source } from '../ports/source';

export interface BackfillContext {
  readonly source: Source;
  readonly destination: Pick<Destination, 'rows'>;
  readonly claim: Claim;
  readonly batchSize: number;
  readonly clock: Clock;
  readonly limiter: Limiter;
  readonly log: Log;
  readonly meter: Meter;
  readonly progressed: Condition;
  readonly inFlight: InFlight;
  readonly namespaces: Namespaces;
  readonly lanes: readonly Lane[];
  readonly mark: LowWater;
  /** Where rows may be handed to lanes between changes; null while that would be in the middle of something. */
  readonly between: () => Position | null;
  /** No lane is ahead of what was handed to lanes. */
  readonly caughtUp: () => boolean;
  /** Whether the stream writes this namespace now. */
  readonly writes: (namespace: Namespace) => boolean;
  /** A copy is complete, or was given up; or no repair is asked for any more. */
  readonly settled: () => void;
  /** Ends reading, then writing. */
  readonly reading: AbortSignal;
  readonly writing: AbortSignal;
}

type UnplacedChange = DistributiveOmit<Change, 'position' | 'sourceTimeMs'>;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const NO_DELTA = Buffer.alloc(0);

const sizeOf = (change: Unplaced): number => (change.op === 'delete' ? change.key.bytes.length : change.row.length);

/** What a leg writes besides the changes that it reads: rows of backfills, and single rows that `verify --repair` or a replay asked for. */
export class Backfill {
  readonly #context: BackfillContext;
  readonly copies: NamespaceBackfills;
  readonly repairs: Repairs;
  /** Namespaces that the source was seen not to have, and where it was then. */
  readonly #goneBy = new Map<Namespace, Position>();

  constructor(context: BackfillContext, ranges: readonly RangeRecord[]) {
    const { between, caughtUp, inFlight } = context;
    this.#context = context;
    const push = (namespace: Namespace, rows: readonly Unplaced[]): Batch =>
      this.#insert(rows.map((row) => ({ ...row, namespace, bytes: sizeOf(row) })));
    this.copies = new NamespaceBackfills(
      {
        ...context,
        push,
        routed: between,
        level: caughtUp,
        room: () => inFlight.room,
        target: async (namespace) => {
          await this.#target(namespace);
        },
      },
      overlapsOf(ranges),
    );
    this.repairs = new Repairs({
      ...context,
      ready: () => between() !== null && caughtUp() && inFlight.room,
      target: (namespace) => this.#repairTarget(namespace),
      push: (namespace, keys) =>
        this.#insert(
          keys.map((key) => {
            const bytes = key.bytes.length;
            return { op: 'update', namespace, key, bytes, delta: NO_DELTA, needsLookup: true };
          }),
        ),
    });
  }

  /** Whether anything is to be written beside what a stream at `position` has read. */
  owes(position: Position): boolean {
    return this.copies.owes(position) || !this.repairs.none;
  }

  /** Until the signal for reading aborts. */
  async run(): Promise<void> {
    await Promise.all([this.copies.run(), this.repairs.run()]);
  }

  /**
   * The source may have renamed or dropped a namespace before the stream has come there. A row that is looked for under the old
   * name is not found: it was taken for gone, and nothing told that it had been refused. The request waits until the stream is past
   * that; by then it has the new name, or there is no target either.
   */
  async #repairTarget(namespace: Namespace): Promise<'there' | 'gone' | 'later'> {
    const { between, claim, namespaces, reading, source } = this.#context;
    const isKnown = namespaces.has(namespace) && namespaces.identity(namespace) !== '';
    if (isKnown || (await source.namespace(namespace, reading)) !== null)
      return (await this.#target(namespace)) ? 'there' : 'gone';
    if (!claim.holds(namespace)) return 'gone';
    const until = this.#goneBy.get(namespace) ?? (await source.currentPosition(reading));
    this.#goneBy.set(namespace, until);
    const routed = between();
    return routed !== null && reached(source.order(routed, until)) ? 'gone' : 'later';
  }

  /** Makes sure that there is a target to write to; false where the stream does not write this namespace. */
  async #target(namespace: Namespace): Promise<boolean> {
    const { namespaces, writes, writing } = this.#context;
    if (!writes(namespace)) return false;
    if (!namespaces.has(namespace)) await namespaces.add(namespace, writing);
    return namespaces.follows(namespace);
  }

  /** Hands changes to lanes at the place up to which everything was handed to them. */
  #insert(unplaced: readonly UnplacedChange[]): Batch {
    const { between, clock, inFlight, lanes, mark, namespaces, writing } = this.#context;
    const position = between();
    if (position === null) throw new RangeError('rows were routed in the middle of something');
    const sourceTimeMs = mark.sourceTimeMs ?? clock.now();
    const batch = mark.begin();
    const shares: Change[][] = lanes.map(() => []);
    for (const each of unplaced) {
      const seed = namespaces.wholeOrder(each.namespace) ?? each.key.hash;
      const identity = namespaces.identity(each.namespace);
      shares[seed % shares.length]?.push({ ...each, position, sourceTimeMs, identity });
    }
    shares.forEach((changes, index) => {
      if (changes.length === 0) return;
      inFlight.add(changes);
      lanes[index]?.push(changes, batch, false, writing);
    });
    batch.close(position, null);
    return batch;
  }
}
