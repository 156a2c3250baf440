import type { Change } from '../model/change';
import type { LaneRecord } from '../ports/destination';
import type { Batch } from '../pump/low-water';
import { reached, type Position } from '../model/position';
import { isCollision, type RejectedChanges } from '../failures/rejected-changes';
import { Steps, type Piece, type Rejection, type StepsContext } from './steps';

/** What one batch gives to one lane. */
interface Item {
  readonly changes: readonly Change[];
  readonly batch: Batch;
  readonly pastOverlap: boolean;
  readonly bytes: number;
}

/** A piece of the queue. */
export interface Part extends Piece {
  /** Batches whose share of this lane ends with this part. */
  readonly ended: readonly Batch[];
}

/** `whole`: nothing more is queued behind it. */
export interface Drained {
  readonly part: Part;
  readonly whole: boolean;
}

/** Writes what several lanes have in one step. */
export interface Joint {
  readonly running: Promise<void> | null;
  awaits(lane: Lane): boolean;
  wake(): void;
}

export interface LaneContext extends StepsContext {
  readonly rejected: RejectedChanges;
  /** Writes what is little together with what other lanes have; null where every lane writes by itself. */
  readonly groupCommit: Joint | null;
  /** A part became durable. */
  readonly durable: (changes: number, bytes: number) => void;
  /** A unique index refuses a part. The lane waits until it is told to go on; null: it judges that by itself. */
  readonly collided: (() => void) | null;
  /** Something is tried again. */
  readonly alive: () => void;
  readonly failed: (error: unknown) => void;
}

/** One of the parallel writers of a leg: applies what it is given in order, as much per atomic step as fits. */
export class Lane {
  readonly #context: LaneContext;
  readonly steps: Steps;
  #skipUntil: Position | null;
  #queue: Item[] = [];
  /** Changes of the first item that were written in an earlier part. */
  #offset = 0;
  /** Parts that were taken and are not written: pieces of one that was rejected. The next one is the last. */
  #parts: Part[] = [];
  /** Deals with such a piece, which may take a while. */
  #ownPiece = false;
  #blocked = false;
  #written = false;
  /** Collisions are faults of their changes: nothing else is left to try. */
  #judging = false;
  #running: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(record: LaneRecord, context: LaneContext) {
    this.#context = context;
    this.steps = new Steps(record, context);
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

  push(changes: readonly Change[], batch: Batch, pastOverlap: boolean, signal: AbortSignal): void {
    // Counted even where it is not taken: nothing passes what was not written.
    batch.add();
    if (this.#closed) return;
    this.#queue.push({ changes, batch, pastOverlap, bytes: sizeOf(changes) });
    if (this.#blocked) return;
    if (this.#context.groupCommit) this.#context.groupCommit.wake();
    else this.run(signal);
  }

  /** Resolves when nothing is queued, or the lane waits after a collision. */
  async idle(): Promise<void> {
    for (let step = this.#underWay; step !== null; step = this.#underWay) await step;
  }

  get #underWay(): Promise<void> | null {
    return this.#running ?? this.#context.groupCommit?.running ?? null;
  }

  /** Has changes to write, and neither the lane itself nor a group commit writes them. */
  get isWaiting(): boolean {
    return this.#running === null && this.#queue.length + this.#parts.length > 0 && !this.#blocked && !this.#closed;
  }

  /** Writes by itself. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** Has made something durable in this leg. */
  get hasWritten(): boolean {
    return this.#written;
  }

  /** Has, or writes, a piece of a rejected part, which only the lane itself writes. */
  get hasOwn(): boolean {
    return this.#ownPiece || this.#parts.length > 0;
  }

  /** What it has not begun to write. */
  get queued(): { readonly changes: number; readonly bytes: number } {
    let [changes, bytes] = [-this.#offset, 0];
    for (const item of this.#queue) {
      changes += item.changes.length;
      bytes += item.bytes;
    }
    return { changes, bytes };
  }

  /** Waits after a collision. */
  get blocked(): boolean {
    return this.#blocked && !this.#closed;
  }

  /** Tries again after a collision. `judge`: a change that collides now is rejected. */
  async retry(judge: boolean, signal: AbortSignal): Promise<void> {
    this.#blocked = false;
    this.#judging = judge;
    this.run(signal);
    await this.idle();
  }

  /** What is not written, as one part of about `maxBytes`. The group commit that takes it writes it and calls `wrote`. */
  drain(maxBytes: number): Drained {
    const pieces: (Part | Item)[] = [];
    let left = maxBytes;
    const fits = (piece: Part | Item): boolean => pieces.length === 0 || piece.bytes <= left;
    const take = <T extends Part | Item>(piece: T): T => {
      left -= piece.bytes;
      pieces.push(piece);
      return piece;
    };
    const ended: Batch[] = [];
    for (let part = this.#parts.at(-1); part !== undefined && fits(part); part = this.#parts.at(-1)) {
      ended.push(...take(part).ended);
      this.#parts.pop();
    }
    for (let item = this.#queue[0]; this.#parts.length === 0 && item && fits(item); item = this.#queue[0]) {
      ended.push(take(this.#rest(item)).batch);
      this.#queue.shift();
      this.#offset = 0;
    }
    const changes = pieces.flatMap((piece) => piece.changes);
    const pastOverlap = pieces.every((piece) => piece.pastOverlap);
    const part = { changes, bytes: sizeOf(changes), pastOverlap, position: this.#mark(changes, ended), ended };
    return { part, whole: this.#parts.length === 0 && this.#queue.length === 0 };
  }

  /** Half of a part that was surrendered and is too much. */
  drainHalf(part: Part): Drained {
    this.#halve(part);
    return this.drain(0);
  }

  /** What was surrendered could not be written together. */
  requeue(part: Part): void {
    this.#parts.push(part);
  }

  wrote(part: Part): void {
    this.#written = true;
    for (const batch of part.ended) batch.acknowledge();
    this.#context.durable(part.changes.length, part.bytes);
  }

  /** Takes nothing more; resolves when the step under way has ended. What is queued is left to the next leg. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.idle();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Writes by itself until nothing is queued, or the others wait for what is left. */
  run(signal: AbortSignal): void {
    this.#running ??= this.#writeQueue(signal);
  }

  async #writeQueue(signal: AbortSignal): Promise<void> {
    // Let the reader hand over the whole batch first: one step then takes what belongs together.
    await Promise.resolve();
    try {
      while (!this.#closed) {
        const piece = this.#parts.pop();
        const part = piece ?? this.take();
        if (part === null) break;
        this.#ownPiece = piece !== undefined;
        // It was taken when steps could still be larger.
        if (part.changes.length > this.#context.size.most) {
          this.#halve(part);
          continue;
        }
        const refused = await this.steps.write(part, signal);
        if (refused === null) this.wrote(part);
        else if (refused === 'too_much') this.#halve(part);
        else if (isCollision(refused.error) && this.#context.collided && !this.#judging) {
          this.#parts.push(part);
          this.#blocked = true;
          this.#context.collided();
          return;
        } else if (part.changes.length > 1) this.#halve(part);
        else await this.#reject(part, refused, signal);
        if (this.#yields) break;
      }
      this.#judging = false;
    } catch (error) {
      this.#closing.abort();
      this.#context.failed(error);
    } finally {
      this.#ownPiece = false;
      this.#running = null;
      this.#context.groupCommit?.wake();
    }
  }

  /** What is left is better written together with what the others have. */
  get #yields(): boolean {
    return this.#parts.length === 0 && !this.#judging && this.#context.groupCommit?.awaits(this) === true;
  }

  /** A group commit that waits for this lane goes on without it: halving a rejected part may take seconds. */
  #keepsToItself(): void {
    this.#ownPiece = true;
    this.#context.groupCommit?.wake();
  }

  /** Each half is a step of its own, and the second one does not begin before the first one is durable. */
  #halve(part: Part): void {
    this.#keepsToItself();
    const middle = part.changes.length >> 1;
    const [first, second] = [part.changes.slice(0, middle), part.changes.slice(middle)];
    const bytes = sizeOf(first);
    this.#parts.push({ ...part, changes: second, bytes: part.bytes - bytes });
    this.#parts.push({ ...part, changes: first, bytes, position: this.#mark(first, []), ended: [] });
  }

  /** One change alone is rejected. */
  async #reject(part: Part, first: Rejection, signal: AbortSignal): Promise<void> {
    const { alive, clock, rejected } = this.#context;
    this.#keepsToItself();
    const [change] = part.changes as [Change];
    let { error, sent } = first;
    // A row whose change was rejected before is not retried: time alone changes nothing.
    const tries = rejected.isBehind(change) ? 0 : rejected.policy.maxRetries;
    for (let tried = 0; tried < tries; tried += 1) {
      await clock.sleep(rejected.policy.retryDelayMs, AbortSignal.any([this.#closing.signal, signal]));
      if (this.#closed) return;
      alive();
      const again = await this.steps.write(part, signal);
      if (again === null) {
        this.wrote(part);
        return;
      }
      // One row is never too much.
      if (again !== 'too_much') ({ error, sent } = again);
    }
    await this.steps.pass(part, rejected.decide(sent[0] ?? change, error, tries + 1), signal);
    this.wrote(part);
  }

  /** What comes next of the queue, as much as fits in one step. */
  take(): Part | null {
    const { maxBytes, size } = this.#context;
    const maxChanges = size.most;
    if (this.#queue.length === 0) return null;
    const changes: Change[] = [];
    const ended: Batch[] = [];
    let bytes = 0;
    const pastOverlap = this.#queue[0]?.pastOverlap ?? false;
    for (let item = this.#queue[0]; item?.pastOverlap === pastOverlap; item = this.#queue[0]) {
      if (this.#offset === 0 && changes.length + item.changes.length <= maxChanges && bytes + item.bytes <= maxBytes) {
        for (const change of item.changes) changes.push(change);
        bytes += item.bytes;
      } else if (!this.#split(item, changes, bytes)) {
        break;
      } else {
        bytes = sizeOf(changes);
        if (this.#offset > 0) break;
      }
      this.#queue.shift();
      ended.push(item.batch);
    }
    return { changes, bytes, pastOverlap, position: this.#mark(changes, ended), ended };
  }

  /** Where the lane is after a part: the last change where changes have positions, else only the end of a whole batch. */
  #mark(changes: readonly Change[], ended: readonly Batch[]): Position | null {
    if (this.#context.source.traits.positions === 'change') return changes[changes.length - 1]?.position ?? null;
    const last = ended[ended.length - 1];
    const whole = this.#offset === 0 && this.#queue[0]?.batch !== last;
    return whole ? (last?.end?.position ?? null) : null;
  }

  #rest(item: Item): Item {
    const changes = item.changes.slice(this.#offset);
    return { ...item, changes, bytes: sizeOf(changes) };
  }

  /** Takes from `item` what still fits (one change at least); false when nothing does. Sets the offset. */
  #split(item: Item, into: Change[], bytesBefore: number): boolean {
    const { maxBytes, size } = this.#context;
    const maxChanges = size.most;
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
}

const sizeOf = (changes: readonly Change[]): number => changes.reduce((sum, change) => sum + change.bytes, 0);
