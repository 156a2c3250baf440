import type { EncodedRow, Key } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, Destination, RangeRecord } from '../ports/destination';
import type { Condition } from '../async/condition';
import type { Limiter } from '../write/limiter';
import { copyOnce } from './copy-once';
import type { Batch } from '../pump/low-water';
import type { Namespace } from '../model/namespace';
import type { Overlap } from '../refresh/overlap';
import { reached, type Position } from '../model/position';
import type { CopiesProgress, Meter } from '../pump/progress';
import type { Interval, Source } from '../ports/source';

/** Rows of one chunk at most, whatever a batch may hold; the source bounds its bytes. */
const ROWS = 1_000;
/** Read ahead, and in lanes, at a time. */
const CHUNKS = 2;
/** So many notes, and the rows are read anew from there: notes are held in memory. */
const NOTES = 50_000;

/** A change without its place: it gets that of the moment in which it is routed. */
export type Unplaced =
  | { readonly op: 'replace'; readonly key: Key; readonly row: EncodedRow }
  | { readonly op: 'delete'; readonly key: Key };

export interface NamespaceBackfillsContext {
  readonly source: Pick<Source, 'rows' | 'added' | 'currentPosition' | 'order' | 'fetch' | 'keyOf' | 'namespace'>;
  readonly destination: Pick<Destination, 'rows'>;
  readonly claim: Pick<Claim, 'ledger' | 'add' | 'prepare' | 'progressed' | 'copied' | 'index'>;
  readonly clock: Clock;
  /** Changes in a batch at most. */
  readonly batchSize: number;
  readonly limiter: Limiter;
  readonly progressed: Condition;
  readonly log: Log;
  readonly meter: Meter;
  /** Up to where changes were routed to lanes; null while that is beyond what is known, or a schema change is under way. */
  readonly routed: () => Position | null;
  /** Nothing that a lane has written lies beyond what was routed. */
  readonly level: () => boolean;
  /** Routes rows as changes behind all that was routed before. Only while `routed` answers. */
  readonly push: (namespace: Namespace, changes: readonly Unplaced[]) => Batch;
  /** Lanes have room. */
  readonly room: () => boolean;
  /** Makes sure that there is a target to write to. */
  readonly target: (namespace: Namespace) => Promise<void>;
  /** A copy is complete, or was given up. */
  readonly settled: () => void;
  /** Ends reading, then writing. */
  readonly reading: AbortSignal;
  readonly writing: AbortSignal;
}

/** Rows of an interval as the source had them at some place between the beginning of the notes and `high`. */
interface Chunk {
  readonly interval: Interval;
  readonly since: Position;
  readonly rows: ReadonlyMap<string, { readonly key: Key; readonly row: EncodedRow }>;
  readonly bytes: number;
  readonly high: Position;
  readonly last: boolean;
}

/** The copy is given up: the namespace was dropped or renamed, or the leg ends. */
class GivenUp extends Error {}

/**
 * Copies namespaces while the stream goes on. What is read is compared with what the destination has, and goes through the
 * lanes like changes do, at the place up to which the stream has come: no row ever goes back.
 */
export class NamespaceBackfills {
  readonly #context: NamespaceBackfillsContext;
  readonly #overlaps = new Map<Namespace, Overlap>();
  /** Under way. */
  readonly #running = new Map<Overlap, Promise<void>>();

  constructor(context: NamespaceBackfillsContext, overlaps: readonly Overlap[]) {
    this.#context = context;
    for (const overlap of overlaps) this.#overlaps.set(overlap.namespace, overlap);
  }

  /** Its updates have to be looked up, and the keys of its changes noted. */
  of(namespace: Namespace): Overlap | undefined {
    const overlap = this.#overlaps.get(namespace);
    return overlap?.over === false ? overlap : undefined;
  }

  /** Of complete ones too. */
  get known(): readonly Namespace[] {
    return [...this.#overlaps.keys()];
  }

  /** Those that are not complete. */
  get namespaces(): readonly Namespace[] {
    return [...this.#overlaps.values()].flatMap(({ namespace, overlapEnd }) => (overlapEnd ? [] : [namespace]));
  }

  get progress(): CopiesProgress | null {
    const { namespaces } = this;
    if (namespaces.length === 0) return null;
    const ranges = namespaces.flatMap((name) => this.#overlaps.get(name)?.ranges ?? []);
    const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
    const estimated = ranges.reduce(
      (sum, each) => sum + (each.done ? each.rows : Math.max(each.rows, each.estimatedRows)),
      0,
    );
    return { namespaces: namespaces.length, rows, estimatedRows: estimated };
  }

  /** Whether anything is owed that a stream at `position` does not have. */
  owes(position: Position): boolean {
    const { order } = this.#context.source;
    return [...this.#overlaps.values()].some(
      ({ overlapEnd }) => overlapEnd === null || !reached(order(position, overlapEnd)),
    );
  }

  /** Changes up to here were routed: overlaps that lie before it are over. */
  passed(position: Position): void {
    const { order } = this.#context.source;
    for (const overlap of this.#overlaps.values())
      overlap.over ||= overlap.overlapEnd !== null && reached(order(position, overlap.overlapEnd));
  }

  add(overlaps: readonly Overlap[]): void {
    for (const overlap of overlaps) this.#overlaps.set(overlap.namespace, overlap);
    this.#context.progressed.notify();
  }

  /** Gives copies up; resolves when nothing of them is under way. */
  async end(namespaces: readonly Namespace[]): Promise<void> {
    for (const name of namespaces) {
      const overlap = this.#overlaps.get(name);
      overlap?.end();
      this.#overlaps.delete(name);
      this.#context.progressed.notify();
      if (overlap) await this.#running.get(overlap)?.catch(() => undefined);
    }
  }

  /** Copies until the signal for reading aborts. What is copied once may take long, and nothing waits for it. */
  async run(): Promise<void> {
    await Promise.all([this.#runEach(false), this.#runEach(true)]);
  }

  async #runEach(once: boolean): Promise<void> {
    const { progressed, reading, level } = this.#context;
    const ended = (): boolean => reading.aborted;
    for (;;) {
      // A row that is read now must not be older than what a lane has written in an earlier leg.
      await progressed.until(() => ended() || (this.#next(once) !== undefined && level()));
      const overlap = this.#next(once);
      if (ended()) return;
      if (overlap === undefined) continue;
      const run = once ? this.#copyOnce(overlap) : this.#copy(overlap);
      this.#running.set(overlap, run);
      try {
        await run;
      } catch (error) {
        if (!(error instanceof GivenUp || overlap.signal.aborted || ended())) throw error;
      } finally {
        overlap.notes = null;
        this.#running.delete(overlap);
        this.#context.settled();
      }
    }
  }

  get #rows(): number {
    return Math.min(ROWS, this.#context.batchSize);
  }

  #next(once: boolean): Overlap | undefined {
    for (const overlap of this.#overlaps.values())
      if (overlap.once === once && overlap.overlapEnd === null) return overlap;
    return undefined;
  }

  async #copyOnce(overlap: Overlap): Promise<void> {
    const { log, reading } = this.#context;
    const { namespace } = overlap;
    const signal = AbortSignal.any([overlap.signal, reading]);
    log('info', 'copy_once.begun', { namespace });
    const found = await copyOnce({ ...this.#context, batchSize: this.#rows }, overlap, signal);
    const rows = await this.#complete(overlap, signal);
    log('info', 'copy_once.done', { namespace, rows, found });
  }

  async #complete(overlap: Overlap, signal: AbortSignal): Promise<number> {
    const { claim, source, writing } = this.#context;
    const overlapEnd = await source.currentPosition(signal);
    if (signal.aborted) throw new GivenUp();
    await claim.copied(overlap.namespace, overlapEnd, writing);
    overlap.overlapEnd = overlapEnd;
    return overlap.ranges.reduce((sum, range) => sum + range.rows, 0);
  }

  async #copy(overlap: Overlap): Promise<void> {
    const { claim, log, source } = this.#context;
    const { namespace } = overlap;
    const signal = AbortSignal.any([overlap.signal, this.#context.reading]);
    log('info', 'backfill.begun', { namespace });
    for (const range of overlap.ranges) if (!range.done) await this.#copyRange(overlap, range, signal);
    const found = await source.namespace(namespace, signal);
    if (found !== null) await claim.index([found], () => undefined, signal);
    const rows = await this.#complete(overlap, signal);
    log('info', 'backfill.done', { namespace, rows });
  }

  /** Chunks are compared and routed one after another, read ahead meanwhile, and recorded in their order. */
  async #copyRange(overlap: Overlap, range: RangeRecord, signal: AbortSignal): Promise<void> {
    let record = range;
    while (!record.done) {
      let recorded: Promise<void> = Promise.resolve();
      const inLanes: Promise<void>[] = [];
      const keep = (chunk: Chunk, batches: readonly Batch[]): void => {
        recorded = recorded
          .then(() => this.#durable(batches, signal))
          .then(async () => {
            record = await this.#record(overlap, record, chunk);
          });
        // Awaited when there are too many, and at the end.
        recorded.catch(() => undefined);
        inLanes.push(recorded);
      };
      try {
        for await (const chunk of this.#chunks(overlap, record, signal)) {
          keep(chunk, await this.#merge(overlap, record, chunk, signal));
          if (inLanes.length >= CHUNKS) await inLanes.shift();
        }
      } finally {
        await Promise.allSettled(inLanes);
      }
      await recorded;
    }
  }

  /** One chunk is read while the one before it is compared. Ends early where there are too many notes. */
  async *#chunks(overlap: Overlap, range: RangeRecord, signal: AbortSignal): AsyncGenerator<Chunk> {
    // Notes first, the place second: what is routed later may not be in the rows that are read.
    const notes = (overlap.notes = new Set());
    const since = await this.#whenRouted(signal);
    const reader = this.#read(overlap.namespace, range, since, signal)[Symbol.asyncIterator]();
    let next = reader.next();
    next.catch(() => undefined);
    try {
      for (;;) {
        const read = await next;
        if (read.done === true) return;
        const enough = notes.size > NOTES || read.value.last;
        if (!enough) {
          next = reader.next();
          next.catch(() => undefined);
        }
        yield read.value;
        if (enough) return;
      }
    } finally {
      await next.catch(() => undefined);
      await reader.return(undefined);
    }
  }

  async *#read(
    namespace: Namespace,
    range: RangeRecord,
    since: Position,
    signal: AbortSignal,
  ): AsyncGenerator<Chunk, void> {
    const { limiter, source } = this.#context;
    const { from, to } = range;
    let { after } = range;
    for await (const batch of source.rows(namespace, range, { after, since, batchSize: this.#rows }, signal)) {
      await limiter.take(batch.rows.length, batch.bytes, signal);
      const rows = new Map(
        batch.rows.map((row) => {
          const key = source.keyOf(row);
          return [key.id, { key, row }];
        }),
      );
      const interval = { from, after, upTo: batch.last, to };
      yield { interval, since, rows, bytes: batch.bytes, high: await source.currentPosition(signal), last: false };
      after = batch.last;
    }
    const interval = { from, after, upTo: null, to };
    yield { interval, since, rows: new Map(), bytes: 0, high: await source.currentPosition(signal), last: true };
  }

  /** Compares a chunk with what the destination has, and routes what differs. */
  async #merge(overlap: Overlap, range: RangeRecord, chunk: Chunk, signal: AbortSignal): Promise<Batch[]> {
    const { destination, progressed, source } = this.#context;
    const { namespace } = overlap;
    // A row whose key was not noted until then has not changed since it was read.
    await progressed.until(() => {
      const routed = this.#context.routed();
      return signal.aborted || (routed !== null && reached(source.order(routed, chunk.high)));
    });
    const batches: Batch[] = [];
    const missing = new Map(chunk.rows);
    const there = destination.rows(namespace, chunk.interval, { batchSize: this.#rows }, signal);
    for await (const { rows } of there) {
      const extra: Key[] = [];
      const changes: Unplaced[] = [];
      for (const row of rows) {
        const key = source.keyOf(row);
        const wanted = missing.get(key.id);
        missing.delete(key.id);
        if (wanted === undefined) extra.push(key);
        else if (!wanted.row.equals(row)) changes.push({ op: 'replace', ...wanted });
      }
      const gone = range.backfill === 'repair' ? await this.#gone(namespace, extra, chunk.since, signal) : [];
      const deletes = gone.map((key): Unplaced => ({ op: 'delete', key }));
      // Deletes first: where several keys are one to a collation, the row that stays is written after them.
      batches.push(...(await this.#route(overlap, [...deletes, ...changes], signal)));
    }
    const inserts = [...missing.values()].map((wanted): Unplaced => ({ op: 'replace', ...wanted }));
    batches.push(...(await this.#route(overlap, inserts, signal)));
    return batches;
  }

  /** Two servers may hold keys of rare types in different orders: the source is asked for each before it is deleted. */
  async #gone(
    namespace: Namespace,
    keys: readonly Key[],
    since: Position,
    signal: AbortSignal,
  ): Promise<readonly Key[]> {
    if (keys.length === 0) return keys;
    const found = await this.#context.source.fetch(namespace, keys, since, signal);
    return keys.filter(({ id }) => !found.has(id));
  }

  async #route(overlap: Overlap, changes: readonly Unplaced[], signal: AbortSignal): Promise<Batch[]> {
    if (changes.length === 0) return [];
    const { room, routed, target } = this.#context;
    await target(overlap.namespace);
    while (routed() === null || !room() || signal.aborted) await this.#whenRouted(signal, room);
    // Nothing is awaited from here to the push: a change that comes later is routed later.
    const current = changes.filter(({ key }) => overlap.notes?.has(key.id) !== true);
    return current.length === 0 ? [] : [this.#context.push(overlap.namespace, current)];
  }

  async #whenRouted(signal: AbortSignal, also: () => boolean = () => true): Promise<Position> {
    const { progressed, routed } = this.#context;
    await progressed.until(() => signal.aborted || (routed() !== null && also()));
    const position = routed();
    if (signal.aborted || position === null) throw new GivenUp();
    return position;
  }

  async #durable(batches: readonly Batch[], signal: AbortSignal): Promise<void> {
    await this.#context.progressed.until(() => signal.aborted || batches.every(({ durable }) => durable));
    if (!batches.every(({ durable }) => durable)) throw new GivenUp();
  }

  async #record(overlap: Overlap, range: RangeRecord, { interval, rows, bytes, last }: Chunk): Promise<RangeRecord> {
    const { claim, meter, writing } = this.#context;
    const next = {
      after: interval.upTo ?? range.after,
      done: last,
      rows: range.rows + rows.size,
      bytes: range.bytes + bytes,
    };
    const record = await claim.progressed(range, next, writing);
    overlap.update(record);
    meter.copied(rows.size, bytes, 0);
    return record;
  }
}
