import type { RecordOp, StateRecord } from '../ports/state-store';
import type { Outcome, Step, UnitOfWork } from '../ports/writer';
import { fencedBy, ledgerBehind, type LedgerContext } from './records/context';

/** `before`: the ledger shows that this very write was done before. */
export type Judged = Exclude<Outcome, { readonly type: 'written' | 'stale' | 'too_much' }> | Plain;
interface Plain {
  readonly type: 'written' | 'before' | 'too_much';
}

/**
 * Commits a step. `stale` is judged by the records that fence it: all of them further on at our epoch means that the step was written
 * before, by a commit whose answer was lost. So only the writer of a slot may ask, and only for the step that it sent last.
 */
export async function commitStep(
  context: LedgerContext,
  unit: UnitOfWork,
  step: Step,
  signal: AbortSignal,
): Promise<Judged> {
  const outcome = await unit.commit(step, signal);
  if (outcome.type !== 'stale') return outcome as Judged;
  await judge(context, step.fences, signal);
  return { type: 'before' };
}

/** Writes one record by condition, outside of any step. */
export async function writeRecord(
  context: LedgerContext,
  op: RecordOp,
  signal: AbortSignal,
): Promise<'written' | 'before'> {
  const outcome = await context.store.write(op, signal);
  if (outcome === 'written') return outcome;
  await judge(context, [op], signal);
  return 'before';
}

/** Resolves where the records are as these writes leave them, or further on at our epoch; else rejects. */
async function judge(context: LedgerContext, ops: readonly RecordOp[], signal: AbortSignal): Promise<void> {
  const { store, stream, epoch, keys } = context;
  const [root, ...found] = await store.get([keys.root, ...ops.map(keyOf)], signal);
  const held = Math.max(...[root, ...found].map((record) => record?.epoch ?? 0));
  if (held > epoch) throw fencedBy(stream, held);
  if (!ops.every((op, at) => isDone(op, found[at] ?? null))) throw ledgerBehind(stream);
}

export const keyOf = (op: RecordOp): string => (op.op === 'put' ? op.next.key : op.key);

const isDone = (op: RecordOp, found: StateRecord | null): boolean =>
  op.op === 'remove'
    ? found === null
    : found?.epoch === op.next.epoch && found.generation === op.next.generation && found.sequence >= op.next.sequence;
