import type { LaneRecord } from '../ports/destination';
import type { Position } from '../model/position';
import type { RecordOp, StateRecord } from '../ports/state-store';
import type { Part } from '../ports/writer';
import { fenceSlot, newLane, type FencedRecords } from './claim';
import { ledgerBehind, ledgerMissing, lost } from './records/context';
import { laneCodec, type LaneState, type RootState } from './records/records';
import { Slot } from './slot';
import type { Judged } from './steps';
import { writeKept } from './root';

/** What one lane has in a step. */
export interface LaneShare {
  readonly lane: number;
  /** The lane's sequence before this step. */
  readonly expected: number;
  readonly part: Part;
  /** Recorded with the rows; null when the part ends inside a batch whose changes have no position of their own. */
  readonly position: Position | null;
  /** Rows that were read again among these are as the source had them here at the latest. */
  readonly readAheadLimit?: Position;
  /** Dead letters of changes that are passed. */
  readonly before?: readonly RecordOp[];
  /** Dead letters that full states of their rows supersede. */
  readonly after?: readonly RecordOp[];
}

export interface StepOptions {
  readonly withinMs?: number;
}

/** The lanes in force, and what each of them has written. */
export class Lanes {
  #slots: readonly Slot[];

  constructor(private readonly fenced: FencedRecords) {
    const { context, root, slots } = fenced;
    this.#slots = Array.from({ length: root.state.lanes }, (_, lane) => {
      const record = slots.get(context.keys.lane(root.generation, lane));
      if (record === undefined) throw ledgerMissing(context.stream);
      return new Slot(context, root, record);
    });
  }

  get records(): readonly LaneRecord[] {
    return this.#slots.map((slot) => ({ ...this.#state(slot), sequence: slot.record.sequence }));
  }

  #state({ record }: Slot): LaneState {
    return laneCodec.decode(record.value, this.fenced.context.positions);
  }

  /** Rows of lanes, their records and dead letters in one step on the slot of the first; in the order of the shares. */
  async commit(
    shares: readonly [LaneShare, ...LaneShare[]],
    { withinMs }: StepOptions,
    signal: AbortSignal,
  ): Promise<Judged> {
    const [first, ...more] = shares;
    const slots = [this.#slotOf(first), ...more.map((share) => this.#slotOf(share))] as const;
    // Our own records say that this was written: a step that is sent again after its answer came.
    const written = slots.filter(({ record }, at) => record.sequence > (shares[at]?.expected ?? 0));
    if (written.length === slots.length) return { type: 'before' };
    if (written.length > 0) throw ledgerBehind(this.fenced.context.stream);
    const needs: RecordOp[] = [];
    const fences = slots.map((slot, at) => this.#fence(slot, shares[at] ?? first, needs));
    return Slot.commit(
      slots,
      {
        fences: fences as [RecordOp, ...RecordOp[]],
        before: [...needs, ...shares.flatMap(({ before = [] }) => before)],
        rows: shares.map(({ part }) => part),
        after: shares.flatMap(({ after = [] }) => after),
        ...(withinMs !== undefined && { withinMs }),
      },
      signal,
    );
  }

  #slotOf({ lane, expected }: LaneShare): Slot {
    const slot = this.#slots[lane];
    if (slot === undefined) throw new RangeError('the layout in force has no such lane');
    if (expected > slot.record.sequence) throw new RangeError('a lane expects more than it has written');
    return slot;
  }

  #fence(slot: Slot, { position, readAheadLimit }: LaneShare, needs: RecordOp[]): RecordOp {
    const before = this.#state(slot);
    const state = {
      ...before,
      position: position ?? before.position,
      readAheadLimit: readAheadLimit ?? before.readAheadLimit,
    };
    return slot.fence(laneCodec.encode(state, this.fenced.context.positions, needs));
  }

  /** Another number of lanes. Only when all lanes are level at the low water, and that is where each of the new ones begins. */
  async layout(lanes: number, readAheadLimit: Position | null, signal: AbortSignal): Promise<readonly LaneRecord[]> {
    const { lowWater } = this.fenced.root.state;
    await this.#replace({ lanes, position: lowWater, readAheadLimit }, (state) => ({ ...state, lanes }), signal);
    return this.records;
  }

  /** Sets a start position: what lanes and barriers remember from before no longer counts. */
  async begin(position: Position, signal: AbortSignal): Promise<void> {
    const { lanes } = this.fenced.root.state;
    const begun = (state: RootState): RootState => ({ ...state, lowWater: position, barrier: null });
    await this.#replace({ lanes, position: null, readAheadLimit: null }, begun, signal);
  }

  /** Lanes of the next generation first, then the record of the stream that names it: until then the old ones count. */
  async #replace(
    { lanes, ...state }: Omit<LaneState, 'lane'> & { readonly lanes: number },
    change: (state: RootState) => RootState,
    signal: AbortSignal,
  ): Promise<void> {
    const { context, root } = this.fenced;
    const generation = context.generations.next();
    const slots: Slot[] = [];
    for (let lane = 0; lane < lanes; lane++) {
      const record = await this.#make(generation, { lane, ...state }, signal);
      slots.push(new Slot(context, root, record));
    }
    await root.move(change, signal, generation);
    const old = this.#slots;
    this.#slots = slots;
    for (const slot of old) await slot.close();
  }

  async #make(generation: number, state: LaneState, signal: AbortSignal): Promise<StateRecord> {
    const { context } = this.fenced;
    const needs: RecordOp[] = [];
    const next = newLane(context, generation, state, needs);
    for (const op of [...needs, { op: 'put', expect: 'absent', next } as const]) await writeKept(context, op, signal);
    const record = await fenceSlot(context, next.key, signal);
    if (record === null) throw await lost(context, signal);
    return record;
  }

  async close(): Promise<void> {
    for (const slot of this.#slots) await slot.close();
  }
}
