import type { Change } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, LanePart, LaneRecord, RejectedChange } from '../ports/destination';
import { isReplicationError, type ReplicationError } from '../model/errors';
import { fold, readAfresh, rowId } from './fold';
import { KeyWatch } from '../refresh/key-watch';
import type { Position } from '../model/position';
import type { Meter } from '../pump/progress';
import { isRejection, type RejectedChanges } from '../failures/rejected-changes';
import type { Source } from '../ports/source';
import type { StepSize } from './step-size';
import { within } from '../async/within';

export interface StepsContext {
  readonly source: Pick<Source, 'lookup' | 'order' | 'traits' | 'currentPosition'>;
  readonly claim: Pick<Claim, 'apply'>;
  readonly rejected: RejectedChanges;
  /** No row may go back to an older state: false where rows are looked up all the time anyway. */
  readonly monotonic: boolean;
  /** Of rows in one step. */
  readonly maxBytes: number;
  /** Changes in one step, and for how long it is waited for. */
  readonly size: StepSize;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

/** What one atomic step is to write. */
export interface Piece {
  readonly changes: readonly Change[];
  readonly bytes: number;
  readonly pastOverlap: boolean;
  readonly position: Position | null;
}

/** The destination did not take a piece. */
export interface Rejection {
  readonly error: ReplicationError;
  /** What was sent; the changes themselves where it did not get so far. */
  readonly sent: readonly Change[];
}

/** How the rows of a piece are read that have to be read again. */
export interface Preparing {
  readonly everyDelta: boolean;
  /** All of them together; without a limit when left out. */
  readonly maxBytes?: number;
  /** As long as it may take; for ever when left out. */
  readonly withinMs?: number;
}

/** The atomic steps of one lane, one at a time, each counted by its record at the destination. */
export class Steps {
  readonly #context: StepsContext;
  readonly #lane: number;
  /** Rows that are ahead of the changes that come. */
  readonly watch: KeyWatch;
  #sequence: number;

  constructor(record: LaneRecord, context: StepsContext) {
    this.#context = context;
    this.#lane = record.lane;
    this.#sequence = record.sequence;
    this.watch = new KeyWatch((a, b) => context.source.order(a, b), context.monotonic ? record.readAheadLimit : null);
  }

  /**
   * Null when it is durable; `too_much` where nothing was written, because the rows that have to be read are too large together, or
   * because all of it takes too long.
   */
  async write(piece: Piece, signal: AbortSignal): Promise<Rejection | 'too_much' | null> {
    const { claim, clock, log, maxBytes, meter, size } = this.#context;
    const started = clock.monotonic();
    const about = {
      batch: `${this.#lane}.${this.#sequence + 1}`,
      changes: piece.changes.length,
      bytes: piece.bytes,
    };
    let sent = piece.changes;
    const send = async (everyDelta: boolean): Promise<void> => {
      const withinMs = size.withinMs(piece.changes.length);
      const part = await this.prepare(piece, { everyDelta, maxBytes, withinMs }, signal);
      sent = part.changes;
      this.written(piece, part, (await claim.apply({ ...part, withinMs }, signal)).fresh);
    };
    try {
      await send(false).catch((error: unknown) => {
        if (!isReplicationError(error, 'delta_missed')) throw error;
        const deltas = sent.filter((change) => change.op === 'update').length;
        meter.deltaMissed(deltas);
        log('warn', 'delta_missed', { ...about, deltas });
        return send(true);
      });
    } catch (error) {
      if (isReplicationError(error, 'too_much')) return 'too_much';
      if (isRejection(error)) return { error, sent };
      return size.halves(error, piece.changes.length, clock.monotonic() - started);
    }
    const durationMs = clock.monotonic() - started;
    size.wrote(piece.changes.length, durationMs);
    meter.applied(piece.changes.length, piece.bytes, durationMs);
    log('debug', 'batch_applied', { ...about, durationMs: Math.round(durationMs) });
    return null;
  }

  /** Passes a rejected change by a dead letter. */
  async pass(piece: Piece, refusal: RejectedChange, signal: AbortSignal): Promise<void> {
    const { claim, rejected } = this.#context;
    const { lane, expected, position, pastOverlap } = this.#part(piece, []);
    const send = async (passed: RejectedChange): Promise<void> => {
      const part: LanePart = { lane, expected, position, pastOverlap, changes: [], rejected: [passed] };
      const written = await claim.apply(part, signal);
      rejected.written(written, [passed], []);
      this.written(piece, part, written.fresh);
    };
    await send(refusal).catch((error: unknown) => {
      // What is too large for a row is too large for a dead letter.
      if (!isRejection(error) || !refusal.kept) throw error;
      return send({ ...refusal, kept: false });
    });
  }

  /** A piece as the destination is to have it: folded, and with every row read again that has to be. */
  async prepare(
    piece: Piece,
    { everyDelta, maxBytes = Infinity, withinMs }: Preparing,
    signal: AbortSignal,
  ): Promise<LanePart> {
    const { clock, source, rejected, monotonic } = this.#context;
    let readAheadLimit = null as Position | null;
    const lookup = async (rows: readonly Change[], limit: AbortSignal): Promise<readonly Change[]> => {
      const found = await source.lookup(rows, maxBytes, limit);
      if (monotonic) readAheadLimit = await source.currentPosition(limit);
      return found;
    };
    // Timed only where something is read, which most steps do not.
    const { changes, read } = await readAfresh(fold(piece.changes), this.#needed(everyDelta), (rows) =>
      withinMs === undefined ? lookup(rows, signal) : within(clock, withinMs, signal, (limit) => lookup(rows, limit)),
    );
    const part = { ...this.#part(piece, changes), pastOverlap: piece.pastOverlap && !everyDelta };
    if (read.size === 0) return part;
    const superseded = { superseded: rejected.supersededBy(changes) };
    if (readAheadLimit === null) return { ...part, ...superseded };
    this.watch.add(read, readAheadLimit);
    return { ...part, ...superseded, readAheadLimit };
  }

  /** Counts a part that is durable. */
  written(piece: Piece, part: LanePart, fresh: boolean): void {
    this.#sequence += 1;
    if (!this.watch.empty && piece.position !== null) this.watch.pass(piece.position);
    if (part.changes.length > 0) this.#context.rejected.written({ fresh }, [], part.changes);
    if (!fresh) this.#context.meter.skipped(piece.changes.length);
  }

  #part(piece: Piece, changes: readonly Change[]): LanePart {
    const { position, pastOverlap } = piece;
    return { lane: this.#lane, expected: this.#sequence, changes, position, pastOverlap };
  }

  /** Which changes must not be applied as they are. Where no row was looked up or rejected, deltas alone are asked. */
  #needed(everyDelta: boolean): (change: Change) => boolean {
    const { rejected } = this.#context;
    const asDelta = (change: Change): boolean => change.op === 'update' && (everyDelta || change.needsLookup);
    if (this.watch.empty && rejected.none) return asDelta;
    return (change) =>
      asDelta(change) || rejected.isBehind(change) || this.watch.covers(rowId(change), change.position);
  }
}
