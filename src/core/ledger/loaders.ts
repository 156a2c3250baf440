import type { RangeRecord } from '../ports/destination';
import type { RecordOp } from '../ports/state-store';
import type { Load } from '../ports/writer';
import { fenceSlot, newLoader, type FencedRecords } from './claim';
import { lost } from './records/context';
import type { StepOptions } from './lanes';
import type { Progress, Ranges } from './ranges';
import { writeKept } from './root';
import { Slot } from './slot';
import type { Judged } from './steps';

/** What one loader writes in one step: rows, and how far their range is with them. */
export interface LoadShare {
  readonly loader: number;
  readonly range: RangeRecord;
  readonly load: Load;
  readonly progress: Progress;
}

/** Those who write rows of the copy. */
export class Loaders {
  readonly #slots = new Map<number, Promise<Slot>>();

  constructor(
    private readonly fenced: FencedRecords,
    private readonly ranges: Ranges,
  ) {}

  async load(
    { loader, range, load, progress }: LoadShare,
    { withinMs }: StepOptions,
    signal: AbortSignal,
  ): Promise<Judged> {
    const slot = await this.#slot(loader, signal);
    if (this.ranges.isDone(range)) return { type: 'before' };
    const needs: RecordOp[] = [];
    const after = this.ranges.progress(range, progress, needs);
    const step = {
      fences: [slot.fence(slot.record.value)] as const,
      before: needs,
      rows: [load],
      after: [after],
      ...(withinMs !== undefined && { withinMs }),
    };
    const outcome = await Slot.commit([slot], step, signal);
    if (outcome.type === 'written' || outcome.type === 'before') this.fenced.own.note(after);
    return outcome;
  }

  #slot(loader: number, signal: AbortSignal): Promise<Slot> {
    let slot = this.#slots.get(loader);
    if (slot === undefined) {
      slot = this.#admit(loader, signal);
      slot.catch(() => this.#slots.delete(loader));
      this.#slots.set(loader, slot);
    }
    return slot;
  }

  /** The record of the stream counts a new one before its slot is used: a later claim then knows that it has to be fenced. */
  async #admit(loader: number, signal: AbortSignal): Promise<Slot> {
    const { context, root, slots } = this.fenced;
    const key = context.keys.loader(loader);
    const known = slots.get(key);
    if (known !== undefined) return new Slot(context, root, known);
    await root.move((state) => ({ ...state, loaders: Math.max(state.loaders, loader + 1) }), signal);
    await writeKept(context, { op: 'put', expect: 'absent', next: newLoader(context, loader) }, signal);
    const record = await fenceSlot(context, key, signal);
    if (record === null) throw await lost(context, signal);
    return new Slot(context, root, record);
  }

  async close(): Promise<void> {
    for (const slot of this.#slots.values()) await (await slot.catch(() => null))?.close();
  }
}
