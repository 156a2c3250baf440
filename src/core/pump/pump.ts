import { Barrier } from '../schema/barrier';
import { Backfill } from '../copy/backfill';
import type { SchemaChange } from '../model/change';
import type { Collisions } from '../write/collisions';
import type { RangeRecord } from '../ports/destination';
import { derive } from '../schema/derive';
import { Ending, type EndReason } from './ending';
import { ReplicationError } from '../model/errors';
import { rowsOf } from '../write/fold';
import type { Lane } from '../write/lane';
import { latest, openLanes } from './open-lanes';
import type { Pump, PumpOptions, PumpOutcome } from './leg';
import { InFlight } from './in-flight';
import { LowWater, type Batch } from './low-water';
import type { Namespace, SourceNamespace } from '../model/namespace';
import { overlapsOf } from '../refresh/overlap';
import { planMissingBackfills } from '../plan/planned-backfills';
import { Namespaces } from '../schema/namespaces';
import { reached, type Position } from '../model/position';
import type { LegProgress } from './progress';
import { Recorder } from './recorder';
import type { RejectedChanges } from '../failures/rejected-changes';
import { shareOut, type SharingContext } from '../copy/sharing';
import type { SourceEvent } from '../ports/source';
import { endSlice } from './slice';
import { watchForStall } from './stall';
import { startOf } from '../plan/start';
import { StepSize } from '../write/step-size';
import { Stats } from './stats';
import { Condition } from '../async/condition';
import { WindowWatch } from '../plan/window';

/** How long a stopping leg lets its queues run empty; what is left then is read again by the next leg. */
const DRAIN_MS = 2000;

export const createPump = (options: PumpOptions): Pump => new Leg(options);

class Leg implements Pump {
  readonly #options: PumpOptions;
  readonly #stats: Stats;
  readonly #namespaces: Namespaces;
  /** Lanes have room again, or the mark moved. */
  readonly #progressed: Condition;
  readonly #inFlight = new InFlight();
  readonly #ending: Ending;
  readonly #size: StepSize;
  #mark: LowWater | null = null;
  #recorder: Recorder | null = null;
  #lanes: readonly Lane[] = [];
  #rejected: RejectedChanges | null = null;
  #collisions: Collisions | null = null;
  #recorded: Position | null = null;
  /** Of the ledger, as it stood there. */
  #sequence = 0;
  /** The batch that is open between `part` events. */
  #open: Batch | null = null;
  #pastOverlap = false;
  #idle = false;
  /** Up to where everything was handed to lanes. */
  #routed: Position | null = null;
  #atBarrier = false;
  /** The destination is told to follow a schema change. */
  #altering = false;
  /** Where lanes were ahead of the start. */
  #ahead: readonly Position[] = [];
  #backfill: Backfill | null = null;
  readonly #window: WindowWatch;
  readonly #sharing: SharingContext;
  #parked: ReadonlySet<Namespace> = new Set();

  constructor(options: PumpOptions) {
    this.#options = options;
    const { clock, log, meter, stallMs, stepChanges: learned, traits } = options;
    this.#stats = new Stats(clock);
    this.#progressed = new Condition(clock);
    this.#size = new StepSize({ most: traits.maxChanges, learned, stallMs, clock, meter, log });
    this.#ending = new Ending({
      begun: () => this.#progressed.notify(),
      progressed: () => this.#stats.progressed,
      firstSteps: () => this.#lanes.some((lane) => lane.isBusy && !lane.hasWritten),
      stallMs,
      clock,
      log,
    });
    this.#namespaces = new Namespaces(options.source, options.claim);
    this.#window = new WindowWatch(options.source, clock);
    this.#sharing = {
      namespaces: this.#namespaces,
      isParked: (namespace) => this.#parked.has(namespace),
      overlapOf: (namespace) => this.#backfill?.copies.of(namespace),
      meter: options.meter,
    };
  }

  get progress(): LegProgress {
    return this.#stats.progress(this.#recorded, this.#options.source, {
      ...this.#window.left(this.#recorded),
      copies: this.#backfill?.copies.progress ?? null,
      stepChanges: this.#size.learned,
    });
  }

  get sequence(): number {
    return this.#sequence;
  }

  get stopped(): PumpOutcome | null {
    return this.#recorded && this.#outcome('stopped');
  }

  /** The destination works on a schema change or an index, which nothing here can hurry. */
  get isBusy(): boolean {
    return this.#altering || this.#options.claim.isBuilding;
  }

  async run(signal: AbortSignal): Promise<PumpOutcome> {
    const { claim, position, source } = this.#options;
    const start = (this.#recorded = startOf(claim.ledger, position, source));
    this.#sequence = claim.ledger.sequence;

    const mark = (this.#mark = new LowWater(start));
    const stop = (): void => this.#ending.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const { clock, log, sliceMs, stallMs } = this.#options;
    const isBusy = (): boolean => this.isBusy;
    const slice = endSlice({ sliceMs, isBusy, end: () => this.#ending.begin('slice'), clock });
    const stalled = (error: ReplicationError): void => this.#ending.stall(error);
    const watch = watchForStall(this.#stats, { stallMs, isBusy, stalled, clock, log });
    const recorder = (this.#recorder = this.#recorderOf(mark));
    const recording = recorder.run().catch((error: unknown) => this.#ending.fail(error));
    const building = claim.build(() => this.#whollyPastOverlap, this.#ending.reading);
    try {
      if (!signal.aborted) await this.#read(start, mark);
      await this.#drain(mark);
    } catch (error) {
      this.#ending.fail(error);
    } finally {
      slice[Symbol.dispose]();
      watch[Symbol.dispose]();
      this.#window.close();
      signal.removeEventListener('abort', stop);
      this.#ending.begin('stopped');
      await Promise.all(this.#lanes.map((lane) => lane.close()));
      await this.#collisions?.over;
      mark.advance();
      this.#progressed.close();
      await Promise.all([recording, building]);
    }
    return this.#outcome(this.#ending.over());
  }

  async #read(start: Position, mark: LowWater): Promise<void> {
    const { source, overlapEnd, updates, batchSize } = this.#options;
    const signal = this.#ending.reading;
    let beside: Promise<void> | undefined;
    try {
      await this.#begin(start, mark, signal);
      if (signal.aborted) return;
      beside = this.#backfill?.run().catch((error: unknown) => this.#ending.fail(error));
      const looksUp = (namespace: Namespace): boolean => this.#backfill?.copies.of(namespace) !== undefined;
      for await (const event of source.stream(start, { overlapEnd, updates, batchSize, looksUp }, signal)) {
        this.#stats.active();
        await this.#take(event, mark);
        if (this.#ending.isBegun) break;
      }
    } catch (error) {
      if (!this.#ending.isBegun) throw error;
    } finally {
      // Nothing is handed to lanes after this.
      this.#ending.begin('stopped');
      await beside;
    }
  }

  /** All that has to be in place before the first change is read. */
  async #begin(start: Position, mark: LowWater, signal: AbortSignal): Promise<void> {
    const { claim, copyMode: mode, source, until } = this.#options;
    const listed = await source.namespaces(signal);
    this.#stats.active();
    const ranges = await planMissingBackfills({ ...this.#options, mode }, listed, signal);
    this.#parked = new Set(claim.ledger.parked.map(({ namespace }) => namespace));
    const followed = listed.filter(({ name }) => !this.#parked.has(name));
    await this.#namespaces.prepareAll(followed, () => this.#stats.active(), signal);
    await this.#derive(listed, signal);
    await this.#openLanes(start);
    this.#pastOverlap = this.#isPastOverlap(start);
    this.#backfill = this.#backfillOf(ranges, mark);
    this.#pass(start);
    if (until) this.#lookFor(until, start);
  }

  /** Not every source reports what becomes of derived namespaces: each leg reads them once. */
  async #derive(listed: readonly SourceNamespace[], signal: AbortSignal): Promise<void> {
    const { claim, log, source } = this.#options;
    for (const { code, namespace } of await derive(source, listed, claim, signal))
      log('warn', 'derived_left', { code, namespace });
  }

  /** Whether the stream writes this namespace now. */
  #writes(namespace: Namespace): boolean {
    return !this.#parked.has(namespace) && this.#options.source.selects(namespace);
  }

  async #take(event: SourceEvent, mark: LowWater): Promise<void> {
    switch (event.type) {
      case 'part':
      case 'commit':
        await this.#route(event, mark);
        return;
      case 'idle':
        if (mark.level && this.#options.source.order(event.position, mark.position) === 'same') {
          this.#lag(0);
          this.#pass(event.position);
          return;
        }
        mark.idle(event.position, event.sourceTimeMs);
        this.#idle = mark.level;
        if (mark.level) this.#lag(0);
        this.#pass(event.position);
        return;
      case 'schema':
        await this.#barrier(event.change, event.position, mark);
        return;
    }
  }

  async #route(event: Extract<SourceEvent, { type: 'part' | 'commit' }>, mark: LowWater): Promise<void> {
    const { limiter } = this.#options;
    await limiter.take(event.changes.length, event.bytes, this.#ending.reading, () => this.#stats.active());
    if (this.#ending.isBegun) return;
    const batch = (this.#open ??= mark.begin());
    this.#idle = false;
    this.#stats.read(event.changes.length);
    this.#options.meter.read(event.changes.length, event.bytes);
    const shares = await shareOut(event.changes, this.#lanes.length, this.#sharing, this.#ending.writing);
    while (this.#collisions?.over) await this.#collisions.over;
    if (event.type === 'commit') {
      batch.close(event.position, event.sourceTimeMs);
      this.#open = null;
    }
    shares.forEach((changes, index) => {
      const lane = this.#lanes[index];
      const unseen = lane?.unseen(changes) ?? [];
      if (unseen.length < changes.length) {
        this.#stats.skipped(changes.length - unseen.length);
        this.#options.meter.skipped(changes.length - unseen.length);
      }
      if (unseen.length === 0) return;
      this.#inFlight.add(unseen);
      // What a copy has brought is met again by the changes that made it.
      const overlaps = unseen.some(({ namespace }) => this.#backfill?.copies.of(namespace) !== undefined);
      lane?.push(unseen, batch, this.#pastOverlap && !overlaps, this.#ending.writing);
    });
    mark.advance();
    if (event.type === 'commit') this.#pass(event.position);
    this.#progressed.notify();
    await this.#room();
  }

  /** All lanes drain, then the change is applied, then the stream goes on. */
  async #barrier(change: SchemaChange, position: Position, mark: LowWater): Promise<void> {
    this.#atBarrier = true;
    try {
      if (!(await this.#level(mark))) return;
      const barrier = this.#barrierNow();
      const decision = await barrier.decide(change, position, this.#ending.writing);
      this.#stats.schemaChange();
      if (decision.action === 'alter') {
        await this.#levelRecorded();
        if (this.#ending.isBegun) return;
        this.#altering = true;
        await barrier.alter(decision, position, this.#ending.writing);
      }
      mark.idle(position, change.sourceTimeMs);
    } finally {
      this.#atBarrier = false;
      this.#altering = false;
    }
    this.#pass(position);
  }

  /** What is reported from here on lies at the barrier, not before it. */
  async #levelRecorded(): Promise<void> {
    // Wakes the recorder: it writes the low water at once, because the barrier waits for it, and not only when it is due.
    this.#progressed.notify();
    await this.#progressed.until(() => this.#recorder?.upToDate === true || this.#ending.isBegun);
  }

  /** Every row at the destination is of the place up to which all is durable, and no value is there twice for long. */
  get #whollyPastOverlap(): boolean {
    const recorded = this.#recorded;
    return recorded !== null && this.#isPastOverlap(recorded) && this.#backfill?.copies.owes(recorded) === false;
  }

  #isPastOverlap(position: Position): boolean {
    const { overlapEnd, source } = this.#options;
    return overlapEnd === null || reached(source.order(position, overlapEnd));
  }

  /** Everything up to here was handed to lanes. */
  #pass(position: Position): void {
    this.#routed = position;
    this.#pastOverlap ||= this.#isPastOverlap(position);
    this.#backfill?.copies.passed(position);
    this.#collisions?.passed(position);
    this.#progressed.notify();
  }

  /** Where rows may be handed to lanes between changes; null while that would be in the middle of something. */
  #between(): Position | null {
    const amid = this.#atBarrier || this.#open !== null || (this.#collisions?.over ?? null) !== null;
    return this.#ending.isBegun || amid ? null : this.#routed;
  }

  /** No lane is ahead of what was routed. */
  #caughtUp(): boolean {
    const routed = this.#routed;
    return routed !== null && this.#ahead.every((position) => reached(this.#options.source.order(routed, position)));
  }

  #backfillOf(ranges: readonly RangeRecord[], mark: LowWater): Backfill {
    const { until } = this.#options;
    const context = {
      ...this.#options,
      progressed: this.#progressed,
      inFlight: this.#inFlight,
      namespaces: this.#namespaces,
      lanes: this.#lanes,
      mark,
      between: () => this.#between(),
      caughtUp: () => this.#caughtUp(),
      writes: (namespace: Namespace) => this.#writes(namespace),
      settled: () => {
        this.#stats.active();
        if (until && this.#recorded) this.#lookFor(until, this.#recorded);
      },
      reading: this.#ending.reading,
      writing: this.#ending.writing,
    };
    return new Backfill(
      context,
      ranges.filter(({ namespace }) => this.#writes(namespace)),
    );
  }

  #barrierNow(): Barrier {
    if (this.#backfill === null) throw new RangeError('a schema change came before its targets were created');
    return new Barrier({
      ...this.#options,
      copies: this.#backfill.copies,
      namespaces: this.#namespaces,
      isParked: (namespace) => this.#parked.has(namespace),
      readSince: (namespace, position) =>
        this.#lanes.some(({ steps }) => steps.watch.coversSome(rowsOf(namespace), position)),
      altered: (change) => this.#altered(change),
    });
  }

  #altered(change: SchemaChange): void {
    this.#rejected?.altered(change);
    if (change.op !== 'rename') return;
    // Rows that were read ahead are known by the old name, maybe in another lane.
    const ahead = this.#lanes.map(({ steps }) => ({ readAheadLimit: steps.watch.until }));
    const until = latest(ahead, this.#options.source);
    if (until !== null) for (const { steps } of this.#lanes) steps.watch.widen(until);
  }

  async #openLanes(start: Position): Promise<void> {
    const laid = await openLanes(
      {
        ...this.#options,
        size: this.#size,
        countRejected: (changes) => this.#stats.refused(changes),
        durable: (changes, bytes) => this.#durable(changes, bytes),
        alive: () => this.#alive(),
        failed: (error) => this.#ending.fail(error),
        ending: this.#ending.reading,
        writing: this.#ending.writing,
      },
      start,
    );
    this.#lanes = laid.lanes;
    this.#ahead = laid.ahead;
    this.#rejected = laid.rejected;
    this.#collisions = laid.collisions;
  }

  #durable(changes: number, bytes: number): void {
    this.#inFlight.remove(changes, bytes);
    this.#stats.applied(changes, bytes);
    this.#stats.active();
    const mark = this.#mark;
    if (mark?.advance() && mark.sourceTimeMs !== null)
      this.#lag(Math.max(0, this.#options.clock.now() - mark.sourceTimeMs));
    this.#progressed.notify();
  }

  #alive(): void {
    this.#stats.active();
    this.#progressed.notify();
  }

  #lag(ms: number): void {
    this.#stats.lag(ms);
    this.#options.meter.lag(ms);
  }

  async #room(): Promise<void> {
    await this.#pressing(() => this.#inFlight.room);
  }

  /** Waits until every lane is level; false when the leg ends first. */
  async #level(mark: LowWater): Promise<boolean> {
    await this.#pressing(() => mark.level);
    return mark.level && !this.#ending.isBegun;
  }

  /** Nothing is read meanwhile: a collision that begins to wait for what is still to come would wait for ever. */
  async #pressing(condition: () => boolean): Promise<void> {
    await this.#progressed.until(() => {
      if (this.#ending.isBegun || condition()) return true;
      this.#collisions?.press();
      return false;
    });
  }

  async #drain(mark: LowWater): Promise<void> {
    await this.#progressed.until(() => mark.level || this.#ending.hasFailed, DRAIN_MS);
  }

  #recorderOf(mark: LowWater): Recorder {
    const { claim, clock, until } = this.#options;
    return new Recorder({
      claim,
      clock,
      mark,
      progressed: this.#progressed,
      ending: this.#ending.reading,
      writing: this.#ending.writing,
      idle: () => this.#idle && until === null && !this.#atBarrier,
      recorded: (position, sequence) => {
        this.#recorded = position;
        this.#sequence = sequence;
        if (until) this.#lookFor(until, position);
      },
      asked: (times) => this.#backfill?.repairs.asked(times),
    });
  }

  /** The leg is where it was to go, and owes no copy and no repair. */
  #lookFor(until: Position, recorded: Position): void {
    if (this.#backfill?.owes(recorded) === false && reached(this.#options.source.order(recorded, until)))
      this.#ending.begin('reached');
  }

  #outcome(reason: EndReason): PumpOutcome {
    const position = this.#recorded;
    if (!position)
      throw new ReplicationError('bug', { code: 'no_position', message: 'a leg ended without a position' });
    const { parked, ranges } = this.#options.claim.ledger;
    const copying =
      this.#backfill?.copies.namespaces ??
      overlapsOf(ranges).flatMap(({ namespace, overlapEnd }) => (overlapEnd ? [] : [namespace]));
    const still = new Set(parked.map(({ namespace }) => namespace));
    const resumed = this.#options.resume.filter((name) => !still.has(name));
    return { reason, position, sequence: this.#sequence, copying, parked, resumed, totals: this.#stats.totals };
  }
}
