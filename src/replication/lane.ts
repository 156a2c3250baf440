import type { Change } from './change';
import type { Log } from './connector';
import type { Claim, LaneRecord } from './destination';
import { isReplicationError } from './errors';
import { fold, resolveDeltas } from './fold';
import type { Batch } from './low-water';
import { reached, type Position } from './position';
import type { Meter } from './progress';
import type { Source } from './source';

/** What one batch gives to one lane. */
interface Item {
  readonly changes: readonly Change[];
  readonly batch: Batch;
  readonly inStep: boolean;
  readonly bytes: number;
}

/** A piece of the queue that fits one atomic step. */
interface Part {
  readonly changes: readonly Change[];
  readonly bytes: number;
  readonly inStep: boolean;
  readonly position: Position | null;
  /** Batches whose share of this lane ends with this part. */
  readonly ended: readonly Batch[];
}

export interface LaneContext {
  readonly source: Pick<Source, 'lookup' | 'order' | 'traits'>;
  readonly claim: Pick<Claim, 'apply'>;
  readonly maxChanges: number;
  readonly maxBytes: number;
  readonly meter: Meter;
  readonly log: Log;
  /** A part became durable. */
  readonly durable: (changes: number, bytes: number) => void;
  readonly failed: (error: unknown) => void;
}

/** One of the parallel writers of a leg: applies what it is given in order, as much per atomic step as fits. */
export class Lane {
  readonly #context: LaneContext;
  readonly #lane: number;
  #sequence: number;
  #skipUntil: Position | null;
  #queue: Item[] = [];
  /** Changes of the first item that were written in an earlier part. */
  #offset = 0;
  #running: Promise<void> | null = null;
  #closed = false;

  constructor(record: LaneRecord, context: LaneContext) {
    this.#context = context;
    this.#lane = record.lane;
    this.#sequence = record.sequence;
    this.#skipUntil = record.position;
  }

  /** Leaves out what the ledger shows as applied by this lane; `apart` is applied again, never skipped. */
  unseen(changes: readonly Change[]): readonly Change[] {
    if (this.#skipUntil === null) return changes;
    const { source } = this.#context;
    const until = this.#skipUntil;
    const first = changes.findIndex((change) => !reached(source.order(until, change.position)));
    if (first < 0) return [];
    this.#skipUntil = null;
    return changes.slice(first);
  }

  push(changes: readonly Change[], batch: Batch, inStep: boolean, signal: AbortSignal): void {
    if (this.#closed) return;
    batch.add();
    this.#queue.push({ changes, batch, inStep, bytes: changes.reduce((sum, change) => sum + change.bytes, 0) });
    this.#running ??= this.#drain(signal).finally(() => {
      this.#running = null;
    });
  }

  /** Resolves when nothing is queued. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Takes nothing more; resolves when the step under way has ended. What is queued is left to the next leg. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    // Let the reader hand over the whole batch first: one step then takes what belongs together.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0 && !this.#closed) {
        const part = this.#take();
        await this.#write(part, signal);
        for (const batch of part.ended) batch.settle();
        this.#context.durable(part.changes.length, part.bytes);
      }
    } catch (error) {
      this.#closed = true;
      this.#context.failed(error);
    }
  }

  #take(): Part {
    const { maxChanges, maxBytes } = this.#context;
    const changes: Change[] = [];
    const ended: Batch[] = [];
    let bytes = 0;
    const inStep = this.#queue[0]?.inStep ?? false;
    for (let item = this.#queue[0]; item?.inStep === inStep; item = this.#queue[0]) {
      if (this.#offset === 0 && changes.length + item.changes.length <= maxChanges && bytes + item.bytes <= maxBytes) {
        for (const change of item.changes) changes.push(change);
        bytes += item.bytes;
      } else if (!this.#split(item, changes, bytes)) {
        break;
      } else {
        bytes = changes.reduce((sum, change) => sum + change.bytes, 0);
        if (this.#offset > 0) break;
      }
      this.#queue.shift();
      ended.push(item.batch);
    }
    return { changes, bytes, inStep, position: this.#mark(changes, ended), ended };
  }

  /** Where the lane is after a part: the last change where changes have positions, else only the end of a whole batch. */
  #mark(changes: readonly Change[], ended: readonly Batch[]): Position | null {
    if (this.#context.source.traits.positions === 'change') return changes[changes.length - 1]?.position ?? null;
    const last = ended[ended.length - 1];
    const whole = this.#offset === 0 && this.#queue[0]?.batch !== last;
    return whole ? (last?.end?.position ?? null) : null;
  }

  /** Takes from `item` what still fits (one change at least); false when nothing does. Sets the offset. */
  #split(item: Item, into: Change[], bytesBefore: number): boolean {
    const { maxChanges, maxBytes } = this.#context;
    let bytes = bytesBefore;
    let next = this.#offset;
    for (; next < item.changes.length; next += 1) {
      const change = item.changes[next] as Change;
      const fits = into.length < maxChanges && bytes + change.bytes <= maxBytes;
      if (!fits && into.length > 0) break;
      into.push(change);
      bytes += change.bytes;
    }
    const taken = next > this.#offset;
    this.#offset = next === item.changes.length ? 0 : next;
    return taken;
  }

  async #write(part: Part, signal: AbortSignal): Promise<void> {
    const { claim, log, meter, source } = this.#context;
    const started = performance.now();
    const about = { batch: `${this.#lane}.${this.#sequence + 1}`, changes: part.changes.length, bytes: part.bytes };
    const folded = fold(part.changes);
    const resolve = (every: boolean): Promise<readonly Change[]> =>
      resolveDeltas(folded, every, (deltas) => source.lookup(deltas, signal));
    const send = async (changes: readonly Change[], inStep: boolean): Promise<void> => {
      const { fresh } = await claim.apply(
        { lane: this.#lane, expected: this.#sequence, changes, position: part.position, inStep },
        signal,
      );
      if (!fresh) meter.skipped(part.changes.length);
    };
    try {
      await send(await resolve(false), part.inStep);
    } catch (error) {
      if (!isReplicationError(error, 'delta_missed')) throw error;
      const deltas = folded.filter((change) => change.op === 'update').length;
      meter.deltaMissed(deltas);
      log('warn', 'delta_missed', { ...about, deltas });
      await send(await resolve(true), false);
    }
    this.#sequence += 1;
    const durationMs = performance.now() - started;
    meter.applied(part.changes.length, part.bytes, durationMs);
    log('debug', 'batch_applied', { ...about, durationMs: Math.round(durationMs) });
  }
}
