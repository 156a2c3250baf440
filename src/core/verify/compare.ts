import { controllerForMany } from '../async/controller';
import type { EncodedRow, Key } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Destination } from '../ports/destination';
import { ReplicationError } from '../model/errors';
import type { Namespace } from '../model/namespace';
import type { Position } from '../model/position';
import { Rate } from '../pump/rate';
import type { Interval, RowBatch, Source } from '../ports/source';
import { Throttle } from '../pump/throttle';
import type { ComparedRange, Difference, DifferenceKind, Verification } from '../ports/verification';

/** Beyond this a run counts differences and does not list them. */
export const LISTED_MAX = 100_000;
/** So many differences that may be lag are rechecked before the comparison goes on. */
const SUSPECTS_AT_ONCE = 20_000;
const NOTED_AT_ONCE = 1_000;

export interface CompareOptions {
  readonly source: Pick<Source, 'rows'>;
  readonly destination: Pick<Destination, 'rows'>;
  readonly verification: Verification;
  /** The source is read no earlier than here. */
  readonly since: Position;
  /** Whether rows of a namespace may go at the source without a change: what only the destination has is no difference then. */
  readonly losesRows: (namespace: Namespace) => Promise<boolean>;
  /** The key of a row; null where it has none. */
  readonly keyOf: (row: EncodedRow) => Key | null;
  readonly parallelism: number;
  readonly batchSize: number;
  /** Of each side; 0: as fast as it goes. */
  readonly rowsPerSecond: number;
  readonly sliceMs: number;
  readonly clock: Clock;
  /** Rows that were compared. */
  readonly compared: (rows: number) => void;
  readonly log: Log;
}

/** What a comparison last knew; heartbeat details, readable by people. */
export interface CompareProgress {
  readonly rows: number;
  readonly rowsPerSecond: number;
  /** Of this call. */
  readonly differences: number;
}

/** `suspects`: some are to be rechecked before it goes on. */
export type CompareReason = 'done' | 'slice' | 'suspects' | 'stopped';

/** A running comparison of the ranges that are open; its progress can be read at any time. */
export interface Comparison {
  readonly progress: CompareProgress;
  run(signal: AbortSignal): Promise<CompareReason>;
}

export const createComparison = (options: CompareOptions): Comparison => new RangeComparison(options);

/** What one interval came to. */
interface Tally {
  sourceRows: number;
  destinationRows: number;
  unlisted: number;
}

class RangeComparison implements Comparison {
  readonly #options: CompareOptions;
  readonly #rate: Rate;
  readonly #sourceThrottle: Throttle;
  readonly #destinationThrottle: Throttle;
  /** No further interval is begun. */
  readonly #ending = controllerForMany();
  #waiting: ComparedRange[] = [];
  #reason: Exclude<CompareReason, 'done'> | null = null;
  #listed = 0;
  #suspects = 0;
  #rows = 0;
  #differences = 0;

  constructor(options: CompareOptions) {
    this.#options = options;
    const { clock, rowsPerSecond } = options;
    this.#rate = new Rate(clock);
    this.#sourceThrottle = new Throttle(rowsPerSecond, clock);
    this.#destinationThrottle = new Throttle(rowsPerSecond, clock);
  }

  get progress(): CompareProgress {
    return {
      rows: this.#rows,
      rowsPerSecond: Math.round(this.#rate.perSecond()),
      differences: this.#differences,
    };
  }

  async run(signal: AbortSignal): Promise<CompareReason> {
    const { clock, verification, parallelism, sliceMs } = this.#options;
    const [open, listed, { suspects }] = await Promise.all([
      verification.openRanges(signal),
      verification.listed(signal),
      verification.findings(signal),
    ]);
    this.#waiting = [...open].reverse();
    this.#listed = listed;
    this.#suspects = suspects;
    using _slice = clock.timer(sliceMs, () => this.#end('slice'));
    const stop = (): void => this.#end('stopped');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      const workers = Array.from({ length: Math.min(parallelism, open.length) }, () =>
        this.#work(signal).catch((error: unknown) => {
          this.#end('stopped');
          throw error;
        }),
      );
      const failed = (await Promise.allSettled(workers)).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
      return this.#reason ?? 'done';
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let range = this.#waiting.pop(); range && !this.#ending.signal.aborted; range = this.#waiting.pop()) {
      await this.#compareRange(range, signal);
    }
  }

  async #compareRange(range: ComparedRange, signal: AbortSignal): Promise<void> {
    const { source, since, batchSize, verification, log } = this.#options;
    const { namespace } = range;
    let at = range;
    const reading = controllerForMany();
    const abort = (): void => reading.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      const options = { after: range.after, since, batchSize };
      for await (const batch of source.rows(namespace, range, options, reading.signal)) {
        at = await this.#compareBatch(at, batch, signal);
        if (this.#ending.signal.aborted) return;
      }
      signal.throwIfAborted();
      const rest = await this.#compareRest(at, signal);
      if (!rest.done) return;
      at = rest.range;
      await verification.advance(at, { ...at, done: true }, signal);
      log('debug', 'verify.range_compared', { namespace, range: range.number, rows: at.sourceRows });
    } finally {
      signal.removeEventListener('abort', abort);
      reading.abort();
    }
  }

  /**
   * The source's rows of an interval, and those that the destination has of the same. By key and not by order: whatever
   * order two servers keep, a row that is on both sides meets itself.
   */
  async #compareBatch(range: ComparedRange, batch: RowBatch, signal: AbortSignal): Promise<ComparedRange> {
    const { namespace } = range;
    const { destination, batchSize, verification } = this.#options;
    const stats: Tally = { sourceRows: batch.rows.length, destinationRows: 0, unlisted: 0 };
    const wanted = new Map<string, { readonly key: Key; readonly row: EncodedRow }>();
    for (const row of batch.rows) {
      const key = this.#keyOf(namespace, row);
      wanted.set(key.id, { key, row });
    }
    await this.#sourceThrottle.take(batch.rows.length, signal);
    const interval: Interval = { from: range.from, after: range.after, upTo: batch.last, to: null };
    for await (const { rows } of destination.rows(namespace, interval, { batchSize }, signal)) {
      const found: Difference[] = [];
      const extra: Difference[] = [];
      for (const row of rows) {
        const key = this.#keyOf(namespace, row);
        const mine = wanted.get(key.id);
        wanted.delete(key.id);
        if (mine === undefined) extra.push(differenceOf(namespace, key, 'extra', row.length));
        else if (!mine.row.equals(row))
          found.push(differenceOf(namespace, mine.key, 'different', Math.max(row.length, mine.row.length)));
      }
      stats.destinationRows += rows.length;
      found.push(...(await this.#damage(namespace, extra)));
      await this.#note(found, stats, signal);
      await this.#destinationThrottle.take(rows.length, signal);
    }
    const missing = [...wanted.values()].map(({ key, row }) => differenceOf(namespace, key, 'missing', row.length));
    await this.#note(missing, stats, signal);
    const next = advanced(range, stats, batch.last);
    await verification.advance(range, next, signal);
    this.#count(batch.rows.length);
    return raised(next);
  }

  /** What the destination has behind the source's last row of a range. Its own keys tell how far that is. */
  async #compareRest(
    range: ComparedRange,
    signal: AbortSignal,
  ): Promise<{ readonly range: ComparedRange; readonly done: boolean }> {
    const { destination, batchSize, verification } = this.#options;
    const interval: Interval = { from: range.from, after: range.after, upTo: null, to: range.to };
    let at = range;
    for await (const { rows, last } of destination.rows(range.namespace, interval, { batchSize }, signal)) {
      const stats: Tally = { sourceRows: 0, destinationRows: rows.length, unlisted: 0 };
      const found = rows.map((row) =>
        differenceOf(range.namespace, this.#keyOf(range.namespace, row), 'extra', row.length),
      );
      await this.#note(await this.#damage(range.namespace, found), stats, signal);
      const next = advanced(at, stats, last);
      await verification.advance(at, next, signal);
      at = raised(next);
      this.#count(rows.length);
      if (this.#ending.signal.aborted) return { range: at, done: false };
      await this.#destinationThrottle.take(rows.length, signal);
    }
    return { range: at, done: true };
  }

  /** Rows that only the destination has, where those are differences. */
  async #damage(namespace: Namespace, extra: readonly Difference[]): Promise<readonly Difference[]> {
    return extra.length > 0 && (await this.#options.losesRows(namespace)) ? [] : extra;
  }

  async #note(found: readonly Difference[], stats: Tally, signal: AbortSignal): Promise<void> {
    const listed = found.slice(0, Math.max(0, LISTED_MAX - this.#listed));
    this.#listed += listed.length;
    this.#suspects += listed.length;
    this.#differences += found.length;
    stats.unlisted += found.length - listed.length;
    for (let from = 0; from < listed.length; from += NOTED_AT_ONCE)
      await this.#options.verification.note(listed.slice(from, from + NOTED_AT_ONCE), signal);
    if (this.#suspects >= SUSPECTS_AT_ONCE) this.#end('suspects');
  }

  #keyOf(namespace: Namespace, row: EncodedRow): Key {
    const key = this.#options.keyOf(row);
    if (key !== null) return key;
    throw new ReplicationError('poison', { code: 'no_key', message: 'a row has no _id', namespace });
  }

  #count(rows: number): void {
    this.#rows += rows;
    this.#rate.add(rows);
    this.#options.compared(rows);
  }

  #end(reason: Exclude<CompareReason, 'done'>): void {
    this.#reason ??= reason;
    this.#ending.abort();
  }
}

const differenceOf = (namespace: Namespace, key: Key, kind: DifferenceKind, bytes: number): Difference => ({
  namespace,
  key,
  kind,
  bytes,
  state: 'suspect',
  rounds: 0,
});

const advanced = (range: ComparedRange, tally: Tally, after: Buffer): ComparedRange => ({
  ...range,
  after,
  sourceRows: range.sourceRows + tally.sourceRows,
  destinationRows: range.destinationRows + tally.destinationRows,
  unlisted: range.unlisted + tally.unlisted,
});

const raised = (range: ComparedRange): ComparedRange => ({ ...range, sequence: range.sequence + 1 });
