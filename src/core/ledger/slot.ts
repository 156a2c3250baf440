import type { Json } from '../model/position';
import type { StateRecord } from '../ports/state-store';
import type { Step, UnitOfWork } from '../ports/writer';
import type { LedgerContext } from './records/context';
import { InOrder } from './in-order';
import { following, replace, type PutOp } from './records/records';
import type { Root } from './root';
import { commitStep, type Judged } from './steps';

/** A lane or a loader at one epoch: its record as it was written last, and the unit of work on which its steps are written. */
export class Slot {
  #unit: Promise<UnitOfWork> | null = null;
  /** Why it is not known what became of its last step. */
  #failure: Error | null = null;

  constructor(
    private readonly context: LedgerContext,
    private readonly root: Root,
    public record: StateRecord,
  ) {}

  /** How the record moves on with a step that makes this of its value. */
  fence(value: Json): PutOp {
    return replace(this.record, following(this.record, this.context.epoch, value));
  }

  /**
   * Commits a step on the first of these slots that moves on all of them. After a step whose outcome is not known none of them takes
   * another one: it would be held for written where that one was. The next claim reads what became of it.
   */
  static async commit(slots: readonly [Slot, ...Slot[]], step: Step, signal: AbortSignal): Promise<Judged> {
    for (const slot of slots) if (slot.#failure !== null) throw slot.#failure;
    const [first] = slots;
    try {
      const outcome = await commitStep(first.context, await first.#opened(signal), step, signal);
      if (outcome.type === 'written' || outcome.type === 'before')
        slots.forEach((slot, at) => {
          const op = step.fences[at];
          if (op?.op === 'put') slot.record = op.next;
        });
      return outcome;
    } catch (error) {
      for (const slot of slots) slot.#failure = error as Error;
      throw error;
    }
  }

  #opened(signal: AbortSignal): Promise<UnitOfWork> {
    this.#unit ??= this.#open(signal).catch((error: unknown) => {
      this.#unit = null;
      throw error;
    });
    return this.#unit;
  }

  async #open(signal: AbortSignal): Promise<UnitOfWork> {
    const { writer, epoch } = this.context;
    const unit = await writer.open(this.record, epoch, signal);
    return writer.traits.atomic === 'none' ? new InOrder(this.context, this.root, unit) : unit;
  }

  async close(): Promise<void> {
    await (await this.#unit?.catch(() => null))?.[Symbol.asyncDispose]();
  }
}
