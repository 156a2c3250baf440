import type { RecordOp } from '../ports/state-store';
import type { Outcome, Step, UnitOfWork } from '../ports/writer';
import type { LedgerContext } from './records/context';
import type { Root } from './root';
import { writeRecord } from './steps';

/**
 * Steps where rows and records are no one step: first the dead letters, then the rows, then what is true once they are there. The
 * low water comes last, by itself. Lanes have no records: the low water alone decides where to resume, and what lies between is
 * written again. Before each step the epoch is confirmed, unless it was lately: a leg that thaws writes one step at most.
 */
export class InOrder implements UnitOfWork {
  constructor(
    private readonly context: LedgerContext,
    private readonly root: Root,
    private readonly unit: UnitOfWork,
  ) {}

  async commit(step: Step, signal: AbortSignal): Promise<Outcome> {
    await this.root.confirm(signal);
    await this.#write(step.before, signal);
    const { fences, rows } = step;
    const outcome = await this.unit.commit({ fences, before: [], rows, after: [] }, signal);
    if (outcome.type === 'written') await this.#write(step.after, signal);
    return outcome;
  }

  async #write(ops: readonly RecordOp[], signal: AbortSignal): Promise<void> {
    for (const op of ops)
      if (op.expect === 'any') await writeAny(this.context, op, signal);
      else await writeRecord(this.context, op, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unit[Symbol.asyncDispose]();
  }
}

/** Whatever is there now is what the write expects. */
export async function writeAny(context: LedgerContext, op: RecordOp, signal: AbortSignal): Promise<void> {
  const key = op.op === 'put' ? op.next.key : op.key;
  const [found] = await context.store.get([key], signal);
  if (op.op === 'remove') {
    if (found) await writeRecord(context, { ...op, expect: found }, signal);
    return;
  }
  const next = found ? { ...op.next, sequence: found.sequence + 1 } : op.next;
  await writeRecord(context, { op: 'put', expect: found ?? 'absent', next }, signal);
}
