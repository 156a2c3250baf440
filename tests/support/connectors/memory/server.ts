import { fenced } from '../../../../src/core/model/errors';
import type { Namespace } from '../../../../src/core/model/namespace';
import type { Mark, RecordOp, StateRecord } from '../../../../src/core/ports/state-store';

/** A place where a test may let a call fail, or wait: before it does anything, or after it has, when its answer is on the way. */
export type Moment = 'before' | 'after';
export type Interrupt = (call: string, moment: Moment, key: string) => Promise<void> | void;

interface OpenStep {
  readonly slot: string;
  readonly epoch: number;
  aborted: boolean;
}

/** What stays when every process that uses it dies: records and rows, and steps that are open. */
export class MemoryServer {
  readonly #records = new Map<string, StateRecord>();
  readonly #rows = new Map<Namespace, Map<string, Buffer>>();
  readonly #versions = new Map<Namespace, Map<string, number>>();
  /** The highest epoch that was fenced on each slot: nothing that was begun below it commits. */
  readonly #fences = new Map<string, number>();
  readonly #open = new Set<OpenStep>();
  /** Sees every record that changes, however: for what must never happen. */
  watch: (next: StateRecord, before: StateRecord | null) => void = () => undefined;

  record(key: string): StateRecord | null {
    return this.#records.get(key) ?? null;
  }

  /** In byte order, as code units are for keys of ASCII. */
  keys(prefix: string): readonly string[] {
    return [...this.#records.keys()].filter((key) => key.startsWith(prefix)).sort((a, b) => (a < b ? -1 : 1));
  }

  rows(namespace: Namespace): Map<string, Buffer> {
    return listOf(this.#rows, namespace);
  }

  /** Of rows, as the last change has it that was written. */
  versions(namespace: Namespace): Map<string, number> {
    return listOf(this.#versions, namespace);
  }

  holds(op: RecordOp): boolean {
    const found = this.#records.get(op.op === 'put' ? op.next.key : op.key);
    if (op.expect === 'any') return true;
    if (op.expect === 'absent') return found === undefined;
    if (found === undefined) return op.op === 'remove';
    return same(found, op.expect);
  }

  /** By then its condition holds. */
  put(op: RecordOp): void {
    if (op.op === 'put') this.#set(copyOf(op.next));
    else this.#records.delete(op.key);
  }

  #set(record: StateRecord): void {
    this.watch(record, this.#records.get(record.key) ?? null);
    this.#records.set(record.key, record);
  }

  /** Raises the record, and aborts what is open below. `nonce`: of one call, whose record it may be already. */
  fence(slot: string, epoch: number, nonce: string): StateRecord | null {
    const found = this.#records.get(slot);
    if (found === undefined) return null;
    const native = found.native as { fencedBy?: string } | undefined;
    const mine = found.epoch === epoch && native?.fencedBy === nonce;
    if (found.epoch >= epoch && !mine) throw fenced(`${slot} is at epoch ${found.epoch}`, found.epoch);
    this.block(slot, epoch);
    const raised = { ...found, epoch, native: { ...native, fencedBy: nonce } };
    this.#set(raised);
    return copyOf(raised);
  }

  /** What is open on a slot below this epoch is lost, and nothing begins there any more. */
  block(slot: string, epoch: number): void {
    this.#fences.set(slot, Math.max(epoch, this.#fences.get(slot) ?? 0));
    for (const step of this.#open) if (step.slot === slot && step.epoch < epoch) step.aborted = true;
  }

  begin(slot: string, epoch: number): OpenStep {
    const step = { slot, epoch, aborted: epoch < (this.#fences.get(slot) ?? 0) };
    this.#open.add(step);
    return step;
  }

  /** Runs `body` at once, unless the step was aborted. */
  commit(step: OpenStep, body: () => boolean): boolean {
    this.#open.delete(step);
    return !step.aborted && body();
  }
}

function listOf<T>(lists: Map<Namespace, Map<string, T>>, namespace: Namespace): Map<string, T> {
  const list = lists.get(namespace) ?? new Map<string, T>();
  lists.set(namespace, list);
  return list;
}

const same = (a: Mark, b: Mark): boolean => a.epoch === b.epoch && a.sequence === b.sequence;

/** As a server would answer it: no object of the one who wrote it. */
export const copyOf = ({ body, ...record }: StateRecord): StateRecord => ({
  ...(JSON.parse(JSON.stringify(record)) as StateRecord),
  ...(body && { body: Buffer.from(body) }),
});
