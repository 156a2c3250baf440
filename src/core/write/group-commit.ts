import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, LanePart } from '../ports/destination';
import { isReplicationError } from '../model/errors';
import { Condition } from '../async/condition';
import type { Lane, Part } from './lane';
import type { Meter } from '../pump/progress';
import { isRejection } from '../failures/rejected-changes';
import type { StepSize } from './step-size';

/** After a rejected group commit the next one may be rejected too: for this long every lane writes by itself. */
const APART_MS = 1_000;
/** Beyond this, writing takes longer than its messages do: lanes beside each other are faster. */
const LITTLE_BYTES = 1024 * 1024;

export interface GroupCommitContext {
  readonly claim: Pick<Claim, 'applyGroup'>;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** More changes than one step may hold are written lane by lane, beside each other. */
  readonly size: StepSize;
  /** Of rows that are looked up for one step. */
  readonly maxBytes: number;
  readonly failed: (error: unknown) => void;
  readonly writing: AbortSignal;
}

/**
 * Writes what all lanes have in one atomic step, as long as it is little. A step costs as many messages whether it writes
 * five changes or five hundred: near the source's end, where lanes get a few changes at a time, one step for all of them
 * costs a quarter. A rejected step, and more than fits into one, is left to the lanes.
 */
export class GroupCommit {
  readonly #context: GroupCommitContext;
  readonly #told: Condition;
  #lanes: readonly Lane[] = [];
  #running: Promise<void> | null = null;
  #apartUntilMs = 0;

  constructor(context: GroupCommitContext) {
    this.#context = context;
    this.#told = new Condition(context.clock);
  }

  watch(lanes: readonly Lane[]): void {
    this.#lanes = lanes;
  }

  /** Resolves when what lanes had was written together or is left to them; null where there is nothing to wait for. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** A lane has something to write, has ended what it wrote by itself, or will be long about it. */
  wake(): void {
    this.#told.notify();
    this.#running ??= this.#run();
  }

  /** A lane that writes by itself is to stop after its step: others wait, and all that is there fits in one step. */
  awaits(lane: Lane): boolean {
    return this.#lanes.some((other) => other !== lane && other.queued.changes > 0) && this.#fits();
  }

  async #run(): Promise<void> {
    // Let the reader hand over the whole batch first: one step then takes what belongs together.
    await Promise.resolve();
    try {
      while (await this.#next());
    } catch (error) {
      for (const lane of this.#lanes) void lane.close();
      this.#context.failed(error);
    } finally {
      this.#running = null;
      // A lane that got changes while its group commit was rejected must be written too, or they wait for the next change.
      if (this.#lanes.some((lane) => lane.isWaiting)) this.wake();
    }
  }

  /** False when lanes have nothing, or are left to write by themselves. */
  async #next(): Promise<boolean> {
    // A lane that still writes by itself leaves its rest to the next group commit, unless that takes long.
    const isBusy = (): boolean => this.#lanes.some((lane) => lane.isBusy);
    const isWaiting = (): boolean => this.#lanes.some((lane) => lane.isWaiting);
    await this.#told.until(() => !isWaiting() || !isBusy() || !this.#fits());
    const lanes = this.#lanes.filter((lane) => lane.isWaiting);
    if (lanes.length > 1 && !isBusy() && this.#fits() && (await this.#write(lanes))) return true;
    for (const lane of lanes) lane.run(this.#context.writing);
    return false;
  }

  /** No lane has a piece of its own to deal with, and everything queued is little enough for one step. */
  #fits(): boolean {
    if (this.#context.clock.monotonic() < this.#apartUntilMs) return false;
    let [changes, bytes] = [0, 0];
    for (const { hasOwn, queued } of this.#lanes) {
      if (hasOwn) return false;
      changes += queued.changes;
      bytes += queued.bytes;
    }
    return changes <= this.#context.size.most && bytes <= LITTLE_BYTES;
  }

  /** False when a change is rejected: nothing is written, and the lanes have their parts back. */
  async #write(lanes: readonly Lane[]): Promise<boolean> {
    const { claim, clock, log, maxBytes, meter, size, writing } = this.#context;
    const started = clock.monotonic();
    const taken = lanes.flatMap((lane): readonly TakenPart[] => {
      const part = lane.take();
      return part === null ? [] : [{ lane, part }];
    });
    const [changes, bytes] = [sum(taken, ({ changes: { length } }) => length), sum(taken, (part) => part.bytes)];
    const withinMs = size.withinMs(changes);
    try {
      const options = { everyDelta: false, maxBytes: maxBytes / lanes.length, withinMs };
      const prepared = await allOf(taken.map(({ lane, part }) => lane.steps.prepare(part, options, writing)));
      const parts = prepared.map((part) => ({ ...part, withinMs }));
      const written = await claim.applyGroup(parts, writing);
      const durationMs = clock.monotonic() - started;
      size.wrote(changes, durationMs);
      meter.applied(changes, bytes, durationMs);
      log('debug', 'batch_applied', { lanes: taken.length, changes, bytes, durationMs: Math.round(durationMs) });
      taken.forEach(({ lane, part }, index) => {
        lane.steps.written(part, parts[index] as LanePart, written[index]?.fresh !== false);
        lane.wrote(part);
      });
      return true;
    } catch (error) {
      for (const { lane, part } of taken) lane.requeue(part);
      const refused = isRejection(error) || isReplicationError(error, 'delta_missed');
      if (!refused && !isReplicationError(error, 'too_much')) size.halves(error, changes, clock.monotonic() - started);
      this.#apartUntilMs = clock.monotonic() + APART_MS;
      return false;
    }
  }
}

interface TakenPart {
  readonly lane: Lane;
  readonly part: Part;
}

const sum = (taken: readonly TakenPart[], of: (part: Part) => number): number =>
  taken.reduce((total, { part }) => total + of(part), 0);

/** All of them have ended when this does, also where one fails. */
async function allOf<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
