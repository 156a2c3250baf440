import type { Change, SchemaChange } from './change';
import type { Log } from './connector';
import type { Claim, DestinationTraits } from './destination';
import { ReplicationError } from './errors';
import { Lane } from './lane';
import { InFlight } from './in-flight';
import { LowWater, type Batch } from './low-water';
import type { Namespace } from './namespace';
import { Namespaces } from './namespaces';
import { reached, type Position } from './position';
import type { LegProgress, Meter, Totals } from './progress';
import { Recorder } from './recorder';
import { decideSchemaChange, outcomeOf, shaped } from './schema-change';
import type { Source, SourceEvent } from './source';
import { startOf } from './start';
import { Tally } from './tally';
import { Gate } from './gate';

export interface PumpOptions {
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly claim: Claim;
  /** The workflow's position: the ledger must not be behind it. */
  readonly position: Position | null;
  readonly inStepAfter: Position | null;
  readonly until: Position | null;
  /** Lanes wanted; taken as soon as all lanes are level. */
  readonly lanes: number;
  readonly batchSize: number;
  readonly updates: 'delta' | 'row';
  /** What a rename out of the selection does. */
  readonly renameOut: 'drop' | 'keep' | 'needs_attention';
  /** What a schema change does that the destination cannot express. */
  readonly unsupported: 'ignore' | 'needs_attention';
  readonly sliceMs: number;
  /** The leg ends with an error when nothing, not even an idle position, has moved for this long. */
  readonly stallMs: number;
  readonly log: Log;
  readonly meter: Meter;
}

export interface PumpOutcome {
  readonly reason: 'slice' | 'stopped' | 'reached' | 'copy';
  readonly position: Position;
  readonly copy: readonly Namespace[];
  readonly totals: Totals;
}

/** A running leg: its progress can be read at any time, failed or not. */
export interface Pump {
  readonly progress: LegProgress;
  /** Runs until the slice ends, `until` is reached or the signal aborts (then with what is in flight drained: `stopped`). */
  run(signal: AbortSignal): Promise<PumpOutcome>;
}

/** How long a stopping leg lets its queues run empty; what is left then is read again by the next leg. */
const DRAIN_MS = 2000;
const HARD_STOP_MS = 7000;
const WATCH_EVERY_MS = 1000;

export const createPump = (options: PumpOptions): Pump => new Leg(options);

class Leg implements Pump {
  readonly #options: PumpOptions;
  readonly #tally = new Tally();
  readonly #namespaces: Namespaces;
  /** Lanes have room again, or the mark moved. */
  readonly #moved = new Gate();
  readonly #inFlight = new InFlight();
  /** Ends reading. */
  readonly #reading = new AbortController();
  /** Ends writing too. */
  readonly #writing = new AbortController();
  #hard: NodeJS.Timeout | undefined;
  #mark: LowWater | null = null;
  #recorder: Recorder | null = null;
  #lanes: Lane[] = [];
  #recorded: Position | null = null;
  /** The batch that is open between `part` events. */
  #open: Batch | null = null;
  #inStep = false;
  #idle = false;
  #reason: PumpOutcome['reason'] | null = null;
  #copy: readonly Namespace[] = [];
  #failure: { readonly error: unknown } | null = null;

  constructor(options: PumpOptions) {
    this.#options = options;
    this.#namespaces = new Namespaces(options.source, options.claim);
  }

  get progress(): LegProgress {
    return this.#tally.progress(this.#recorded, this.#options.source);
  }

  get #stopping(): boolean {
    return this.#reading.signal.aborted;
  }

  async run(signal: AbortSignal): Promise<PumpOutcome> {
    const { claim, position, source, until } = this.#options;
    const { displaced } = claim.ledger;
    const start = (this.#recorded = startOf(claim.ledger, position, source));
    if (displaced.length > 0) return this.#outcome('copy', displaced);
    if (until && reached(source.order(start, until))) return this.#outcome('reached', []);

    const mark = (this.#mark = new LowWater(start));
    const stop = (): void => this.#end('stopped');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const slice = setTimeout(() => this.#end('slice'), this.#options.sliceMs);
    const watch = setInterval(() => this.#watch(), WATCH_EVERY_MS);
    const recorder = (this.#recorder = this.#recorderOf(mark));
    const recording = recorder.run().catch((error: unknown) => this.#fail(error));
    const building = claim.build(this.#reading.signal);
    try {
      if (!signal.aborted) await this.#read(start, mark);
      await this.#drain(mark);
    } catch (error) {
      this.#fail(error);
    } finally {
      clearTimeout(slice);
      clearInterval(watch);
      signal.removeEventListener('abort', stop);
      this.#end('stopped');
      await Promise.all(this.#lanes.map((lane) => lane.close()));
      mark.settle();
      this.#moved.close();
      await Promise.all([recording, building]);
      clearTimeout(this.#hard);
    }
    if (this.#failure) throw this.#failure.error;
    return this.#outcome(this.#reason ?? 'stopped', this.#copy);
  }

  async #read(start: Position, mark: LowWater): Promise<void> {
    const { source, inStepAfter, updates, batchSize } = this.#options;
    const signal = this.#reading.signal;
    try {
      await this.#namespaces.prepareAll(signal);
      await this.#layOut(start);
      this.#inStep = this.#isInStep(start);
      for await (const event of source.stream(start, { inStepAfter, updates, batchSize }, signal)) {
        this.#tally.moved();
        await this.#take(event, mark);
        if (this.#stopping) break;
      }
    } catch (error) {
      if (!this.#stopping) throw error;
    }
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
          return;
        }
        mark.idle(event.position, event.sourceTimeMs);
        this.#idle = mark.level;
        if (mark.level) this.#lag(0);
        this.#advanceInStep(event.position);
        this.#moved.open();
        return;
      case 'schema':
        await this.#barrier(event.change, event.position, mark);
        return;
    }
  }

  async #route(event: Extract<SourceEvent, { type: 'part' | 'commit' }>, mark: LowWater): Promise<void> {
    const batch = (this.#open ??= mark.begin());
    this.#idle = false;
    this.#tally.read(event.changes.length);
    this.#options.meter.read(event.changes.length, event.bytes);
    const shares = await this.#share(event.changes);
    if (event.type === 'commit') {
      batch.close(event.position, event.sourceTimeMs);
      this.#open = null;
    }
    shares.forEach((changes, index) => {
      const lane = this.#lanes[index];
      const unseen = lane?.unseen(changes) ?? [];
      if (unseen.length < changes.length) {
        this.#tally.skipped(changes.length - unseen.length);
        this.#options.meter.skipped(changes.length - unseen.length);
      }
      if (unseen.length === 0) return;
      this.#inFlight.add(unseen);
      lane?.push(unseen, batch, this.#inStep, this.#writing.signal);
    });
    if (mark.settle()) this.#moved.open();
    if (event.type === 'commit') this.#advanceInStep(event.position);
    await this.#room();
  }

  /** Each change to the lane of its key; to the lane of its namespace where the order of the whole namespace counts. */
  async #share(changes: readonly Change[]): Promise<Change[][]> {
    const shares: Change[][] = this.#lanes.map(() => []);
    let known: Namespace | null = null;
    let wholeOrder: number | null = null;
    for (const change of changes) {
      if (change.namespace !== known) {
        known = change.namespace;
        if (!this.#namespaces.has(known)) await this.#namespaces.add(known, this.#writing.signal);
        wholeOrder = this.#namespaces.wholeOrder(known);
      }
      shares[(wholeOrder ?? change.key.hash) % shares.length]?.push(change);
    }
    return shares;
  }

  /** All lanes drain, then the change is applied, then the stream goes on. */
  async #barrier(change: SchemaChange, position: Position, mark: LowWater): Promise<void> {
    const { claim, log, meter, source } = this.#options;
    if (!(await this.#level(mark))) return;
    const decision = decideSchemaChange(change, position, this.#options);
    const outcome = outcomeOf(decision);
    meter.schemaChange(change.kind, outcome);
    this.#tally.schemaChange();
    const about = { kind: change.kind, namespace: change.namespace, outcome, at: source.describe(position) };
    log('info', 'schema_change', about);
    if ('ignored' in decision) log('warn', 'schema_change_ignored', { ...about, reason: decision.ignored });
    switch (decision.action) {
      case 'copy':
        // The mark stays before the event, which is met again once the copy is done.
        await this.#levelRecorded();
        if (this.#stopping) return;
        await claim.hold(decision.namespaces, position, this.#writing.signal);
        this.#copy = decision.namespaces;
        this.#end('copy');
        return;
      case 'alter':
        await this.#levelRecorded();
        if (this.#stopping) return;
        await claim.alter(await shaped(decision.change, source, this.#writing.signal), position, this.#writing.signal);
        await this.#namespaces.altered(decision.change, this.#writing.signal);
        break;
      case 'count':
        break;
    }
    mark.idle(position, change.sourceTimeMs);
    this.#advanceInStep(position);
    this.#moved.open();
  }

  /** What is reported from here on lies at the barrier, not before it. */
  async #levelRecorded(): Promise<void> {
    await this.#moved.until(() => this.#recorder?.upToDate === true || this.#stopping);
  }

  #isInStep(position: Position): boolean {
    const { inStepAfter, source } = this.#options;
    return inStepAfter === null || reached(source.order(position, inStepAfter));
  }

  #advanceInStep(position: Position): void {
    this.#inStep ||= this.#isInStep(position);
  }

  /** The lanes of the ledger's layout; the wanted number as soon as no lane is ahead of the mark. */
  async #layOut(start: Position): Promise<void> {
    const { claim, lanes, source, traits, meter, log } = this.#options;
    let records = claim.ledger.lanes;
    const level = records.every(({ position }) => position === null || reached(source.order(start, position)));
    if (records.length !== lanes && level) {
      records = await claim.layout(lanes, this.#writing.signal);
      log('info', 'lanes_changed', { from: claim.ledger.lanes.length, to: lanes });
    }
    // Only a lane that is ahead of the start has anything to leave out: what comes now lies after the start.
    const ahead = (position: Position | null): Position | null =>
      position && source.order(position, start) === 'after' ? position : null;
    this.#lanes = records.map(
      (record) =>
        new Lane(
          { ...record, position: ahead(record.position) },
          {
            source,
            claim,
            maxChanges: traits.maxChanges,
            maxBytes: traits.maxBytes,
            meter,
            log,
            durable: (changes, bytes) => this.#durable(changes, bytes),
            failed: (error) => this.#fail(error),
          },
        ),
    );
  }

  #durable(changes: number, bytes: number): void {
    this.#inFlight.remove(changes, bytes);
    this.#tally.applied(changes, bytes);
    this.#tally.moved();
    const mark = this.#mark;
    if (mark?.settle() && mark.sourceTimeMs !== null) this.#lag(Math.max(0, Date.now() - mark.sourceTimeMs));
    this.#moved.open();
  }

  #lag(ms: number): void {
    this.#tally.lag(ms);
    this.#options.meter.lag(ms);
  }

  async #room(): Promise<void> {
    await this.#moved.until(() => this.#stopping || this.#inFlight.room);
  }

  /** Waits until every lane is level; false when the leg ends first. */
  async #level(mark: LowWater): Promise<boolean> {
    await this.#moved.until(() => mark.level || this.#stopping);
    return mark.level && !this.#stopping;
  }

  async #drain(mark: LowWater): Promise<void> {
    await this.#moved.until(() => mark.level || this.#failure !== null, DRAIN_MS);
  }

  #recorderOf(mark: LowWater): Recorder {
    const { claim, source, until } = this.#options;
    return new Recorder({
      claim,
      mark,
      moved: this.#moved,
      ending: this.#reading.signal,
      writing: this.#writing.signal,
      idle: () => this.#idle,
      recorded: (position) => {
        this.#recorded = position;
        if (until && reached(source.order(position, until))) this.#end('reached');
      },
    });
  }

  #watch(): void {
    const { stallMs } = this.#options;
    if (this.#tally.stillMs < stallMs) return;
    this.#fail(
      new ReplicationError('retry', {
        code: 'stalled',
        message: `nothing has moved for ${Math.round(stallMs / 1000)} s, not even an idle position`,
        remedy: 'The leg is started again by itself. If this repeats, check that source and destination answer.',
      }),
    );
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#end('stopped');
    this.#moved.open();
  }

  #end(reason: PumpOutcome['reason']): void {
    if (this.#stopping) return;
    this.#reason = reason;
    this.#reading.abort();
    this.#moved.open();
    // A destination that does not answer must not hold the leg for ever.
    this.#hard = setTimeout(() => this.#writing.abort(), HARD_STOP_MS);
  }

  #outcome(reason: PumpOutcome['reason'], copy: readonly Namespace[]): PumpOutcome {
    const position = this.#recorded;
    if (!position)
      throw new ReplicationError('bug', { code: 'no_position', message: 'a leg ended without a position' });
    return { reason, position, copy, totals: this.#tally.totals };
  }
}
