import { controllerForMany } from '../async/controller';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, Destination, DestinationTraits, RangeRecord } from '../ports/destination';
import { ReplicationError, tooSlow } from '../model/errors';
import type { Limiter } from '../write/limiter';
import type { Position } from '../model/position';
import type { CopyProgress, Meter } from '../pump/progress';
import { Rate } from '../pump/rate';
import { isRejection, type ErrorPolicy } from '../failures/rejected-changes';
import { RejectedRows } from '../failures/rejected-rows';
import type { RowBatch, Source } from '../ports/source';
import { StepSize } from '../write/step-size';
import { WindowWatch } from '../plan/window';

export interface CopyOptions {
  readonly stream: string;
  readonly source: Source;
  readonly traits: DestinationTraits;
  readonly destination: Pick<Destination, 'askRepairs'>;
  readonly claim: Claim;
  /** Rows are read no earlier than here. */
  readonly since: Position;
  readonly parallelism: number;
  readonly batchSize: number;
  readonly limiter: Limiter;
  /** What follows a row that the destination refuses. */
  readonly onError: ErrorPolicy['onError'];
  readonly sliceMs: number;
  /** One row alone may take so long. */
  readonly stallMs: number;
  /** Rows in one step at most, as the leg before has found out; null: as many as come. */
  readonly stepRows: number | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

export interface CopyOutcome {
  readonly reason: 'done' | 'slice' | 'stopped';
  /** With `done`: a source position taken after the last read. */
  readonly overlapEnd: Position | null;
}

/** A running copy of the ledger's ranges; its progress can be read at any time. */
export interface Copy {
  readonly progress: CopyProgress;
  run(signal: AbortSignal): Promise<CopyOutcome>;
}

const CHECK_EVERY_MS = 10_000;
/** Some sources read their whole log for a check: it may take this part of the time at most. */
const CHECK_SHARE = 20;

const isRejected = (result: PromiseSettledResult<unknown>): result is PromiseRejectedResult =>
  result.status === 'rejected';

function firstFailure(results: readonly PromiseSettledResult<unknown>[]): void {
  const failed = results.find(isRejected);
  if (failed) throw failed.reason;
}

export const createCopy = (options: CopyOptions): Copy => new RangeCopy(options);

class RangeCopy implements Copy {
  readonly #options: CopyOptions;
  readonly #ranges: readonly RangeRecord[];
  readonly #waiting: RangeRecord[];
  readonly #rate: Rate;
  /** Ends reading; loads under way are finished. */
  readonly #reading = controllerForMany();
  readonly #writing = controllerForMany();
  /** Aborts when all loaders have ended. */
  readonly #copied = controllerForMany();
  #reason: 'slice' | 'stopped' | null = null;
  readonly #window: WindowWatch;
  readonly #refused: RejectedRows;
  readonly #size: StepSize;
  #rows: number;
  #bytes: number;
  #done: number;

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#rate = new Rate(options.clock);
    this.#window = new WindowWatch(options.source, options.clock);
    this.#refused = new RejectedRows(options);
    this.#size = new StepSize({ ...options, most: options.batchSize, learned: options.stepRows });
    const { parked, ranges } = options.claim.ledger;
    const left = new Set(parked.map(({ namespace }) => namespace));
    // Backfills are the pump's.
    this.#ranges = ranges.filter(({ backfill, namespace }) => backfill === null && !left.has(namespace));
    this.#waiting = this.#ranges.filter((range) => !range.done).reverse();
    this.#rows = this.#ranges.reduce((sum, range) => sum + range.rows, 0);
    this.#bytes = this.#ranges.reduce((sum, range) => sum + range.bytes, 0);
    this.#done = this.#ranges.length - this.#waiting.length;
  }

  get progress(): CopyProgress {
    const estimated = this.#ranges.reduce(
      (sum, range) => sum + (range.done ? range.rows : Math.max(range.rows, range.estimatedRows)),
      0,
    );
    const estimatedRows = Math.max(this.#rows, estimated);
    const perRow = this.#rows > 0 ? this.#bytes / this.#rows : 0;
    const rowsPerSecond = this.#rate.perSecond();
    const left = this.#done === this.#ranges.length ? 0 : estimatedRows - this.#rows;
    return {
      rows: this.#rows,
      estimatedRows,
      bytes: this.#bytes,
      estimatedBytes: Math.round(estimatedRows * perRow),
      ranges: this.#ranges.length,
      rangesDone: this.#done,
      rowsPerSecond: Math.round(rowsPerSecond),
      secondsLeft: left === 0 ? 0 : rowsPerSecond > 0 ? Math.ceil(left / rowsPerSecond) : null,
      ...this.#window.left(this.#options.claim.ledger.lowWater),
      stepRows: this.#size.learned,
    };
  }

  async run(signal: AbortSignal): Promise<CopyOutcome> {
    const { clock, parallelism, sliceMs, source } = this.#options;
    const stop = (): void => this.#end('stopped');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    using _slice = clock.timer(sliceMs, () => this.#end('slice'));
    try {
      const loaders = Array.from({ length: Math.min(parallelism, this.#waiting.length) }, (_, loader) =>
        this.#loader(loader).catch((error: unknown) => {
          // One failing loader ends the copy: the others finish the step under way and keep what they have.
          this.#end('stopped');
          throw error;
        }),
      );
      const watch = this.#watchHistory().catch((error: unknown) => {
        this.#end('stopped');
        throw error;
      });
      const ended = Promise.allSettled(loaders).finally(() => this.#copied.abort());
      const failed = (await Promise.allSettled([watch, ended.then(firstFailure)])).find(isRejected);
      if (failed) throw failed.reason;
      if (this.#done < this.#ranges.length) return { reason: this.#reason ?? 'stopped', overlapEnd: null };
      // Updates up to here may already be in the rows just read: they are looked up, not applied as deltas.
      return { reason: 'done', overlapEnd: await source.currentPosition(this.#writing.signal) };
    } finally {
      this.#window.close();
      signal.removeEventListener('abort', stop);
    }
  }

  /** Rows that take longer to copy than the source remembers are copied in vain: better to know soon. */
  async #watchHistory(): Promise<void> {
    const { claim, clock, source } = this.#options;
    const start = claim.ledger.lowWater;
    while (start && !this.#copied.signal.aborted && !this.#reading.signal.aborted) {
      const asked = clock.monotonic();
      await source.check(start, this.#writing.signal);
      const took = clock.monotonic() - asked;
      const ended = AbortSignal.any([this.#copied.signal, this.#reading.signal]);
      await clock.sleep(Math.max(CHECK_EVERY_MS, took * CHECK_SHARE), ended);
    }
  }

  async #loader(loader: number): Promise<void> {
    for (let range = this.#waiting.pop(); range && !this.#reading.signal.aborted; range = this.#waiting.pop()) {
      await this.#copyRange(loader, range);
    }
  }

  async #copyRange(loader: number, range: RangeRecord): Promise<void> {
    const { limiter, source, since, batchSize } = this.#options;
    const signal = this.#reading.signal;
    let record = range;
    try {
      for await (const batch of source.rows(range.namespace, range, { after: range.after, since, batchSize }, signal)) {
        await limiter.take(batch.rows.length, batch.bytes, signal);
        record = await this.#take(loader, record, batch);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (signal.aborted && this.#reason !== null) return;
      throw error;
    }
    if (signal.aborted) return;
    await this.#load(loader, record, null);
    this.#done += 1;
    this.#options.log('debug', 'range_copied', { namespace: range.namespace, range: range.number, rows: record.rows });
  }

  /** Halves a rejected batch until the rejected row is alone, and skips that row; halves also what is too much for a slow destination. */
  async #take(loader: number, range: RangeRecord, batch: RowBatch): Promise<RangeRecord> {
    const loaded = await this.#tryLoad(loader, range, batch);
    if (!(loaded instanceof ReplicationError)) return loaded;
    const halves = this.#refused.halved(batch);
    if (halves === null) {
      await this.#refused.pass(range.namespace, batch, loaded, this.#writing.signal);
      return this.#load(loader, range, { rows: [], bytes: 0, last: batch.last });
    }
    const [first, second] = halves;
    const at = await this.#take(loader, range, first);
    // Each half may have as many rejected rows as it has rows: a copy that is told to end does not go through all of them.
    return this.#reading.signal.aborted ? at : this.#take(loader, at, second);
  }

  /** With an error nothing is written, and half of it may go. */
  async #tryLoad(loader: number, range: RangeRecord, batch: RowBatch): Promise<RangeRecord | ReplicationError> {
    const { length } = batch.rows;
    if (length > this.#size.most) return tooSlow(`${length} rows are more than a slow destination takes`);
    const { clock } = this.#options;
    const started = clock.monotonic();
    try {
      return await this.#load(loader, range, batch);
    } catch (error) {
      if (isRejection(error)) return error;
      this.#size.halves(error, length, clock.monotonic() - started);
      return error as ReplicationError;
    }
  }

  /** One atomic step: rows and how far the range is; `null` marks its end. */
  async #load(loader: number, range: RangeRecord, batch: RowBatch | null): Promise<RangeRecord> {
    const { claim, clock, meter } = this.#options;
    const started = clock.monotonic();
    const rows = batch?.rows ?? [];
    const bytes = batch?.bytes ?? 0;
    const after = batch?.last ?? range.after;
    const withinMs = this.#size.withinMs(rows.length);
    await claim.load({ loader, range, rows, bytes, after, done: batch === null, withinMs }, this.#writing.signal);
    this.#rows += rows.length;
    this.#bytes += bytes;
    this.#rate.add(rows.length);
    const durationMs = clock.monotonic() - started;
    this.#size.wrote(rows.length, durationMs);
    meter.copied(rows.length, bytes, durationMs);
    meter.copyProgress(this.progress);
    return {
      ...range,
      sequence: range.sequence + 1,
      after,
      done: batch === null,
      rows: range.rows + rows.length,
      bytes: range.bytes + bytes,
    };
  }

  #end(reason: 'slice' | 'stopped'): void {
    if (this.#reading.signal.aborted) return;
    this.#reason = reason;
    this.#reading.abort();
  }
}
