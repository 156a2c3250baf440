import { CorruptBson, slice } from '../../../../formats/bson/walk';
import { classify, codeOf } from '../../errors';
import type { CursorReply } from '../../driver/raw';
import type { Change } from '../../../../core/model/change';
import type { Log } from '../../../../core/ports/connector';
import { ReplicationError } from '../../../../core/model/errors';
import { systemClock } from '../../../../host/clock';
import type { Namespace } from '../../../../core/model/namespace';
import type { Selection } from '../../../../core/mapping/pattern';
import type { Position } from '../../../../core/model/position';
import type { SourceEvent, StreamOptions } from '../../../../core/ports/source';
import type { Place } from './change';
import { isTokenRefused, type ChangeStreams, type OpenStream } from './cursor';
import { Decoder } from './decode';
import type { GapGuard } from './gap';
import {
  eventTime,
  formatTime,
  order,
  parseTime,
  position,
  resumeToken,
  sameHistory,
  tokenData,
  tokenOf,
  type PositionScope,
} from '../position';
import { Pace } from './pace';
import { joinFragments } from './split';
import { readToken } from '../token';

export interface StreamContext {
  readonly streams: ChangeStreams;
  readonly scope: PositionScope;
  readonly selection: Selection;
  readonly guard: GapGuard;
  readonly maxAwaitMs: number;
  readonly log: Log;
}

/** How long transient failures are survived in here before the leg is told. */
const PATIENCE_MS = 20_000;

/** Follows the change stream from a position; ends quietly when the signal aborts. */
export async function* follow(
  context: StreamContext,
  from: Position,
  options: StreamOptions,
  signal: AbortSignal,
): AsyncGenerator<SourceEvent> {
  const reader = new StreamReader(context, from, options, signal);
  const stopped = (): boolean => signal.aborted;
  while (!stopped()) {
    let open: OpenStream | null = null;
    try {
      open = await reader.open();
      if (open.opened.documents.length > 0) yield* reader.events(open.opened);
      while (open.alive) yield* reader.events(await reader.read(open));
      // Closed by the server: after an invalidate at once, without one not in a hot loop.
      if (!reader.invalidated) await systemClock.sleep(100, signal);
    } catch (error) {
      if (stopped()) return;
      await reader.survive(error);
    } finally {
      await open?.close(signal.aborted);
    }
  }
}

class StreamReader {
  readonly #context: StreamContext;
  readonly #options: StreamOptions;
  readonly #signal: AbortSignal;
  readonly #decoder: Decoder;
  /** Where a reopened stream goes on. */
  #at: Position;
  #pastOverlap: boolean;
  #tokenRefused = false;
  /** After opening by time: events up to here were seen before. */
  #dropUntil: Position | null = null;
  #fragments: Buffer[] = [];
  #failingSinceMs: number | null = null;
  #failures = 0;
  /** Zero, until a cursor was closed before it gave anything: then its events have to come with the opening. */
  #firstBatch = 0;
  readonly #pace: Pace;
  invalidated = false;

  constructor(context: StreamContext, from: Position, options: StreamOptions, signal: AbortSignal) {
    this.#context = context;
    this.#options = options;
    this.#pace = new Pace(options.batchSize, context.maxAwaitMs);
    this.#signal = signal;
    this.#decoder = new Decoder(context.scope, context.selection);
    this.#at = from;
    this.#pastOverlap = options.overlapEnd === null && options.updates === 'delta';
    if (!sameHistory(from.history, context.scope.history)) {
      throw new ReplicationError('needs_attention', {
        code: 'other_history',
        message: `the position belongs to another history (${from.history}) than the source (${context.scope.history})`,
        remedy: 'Point the stream at the deployment that it followed before, or restart it from a snapshot.',
      });
    }
  }

  async open(): Promise<OpenStream> {
    const { streams, scope, guard } = this.#context;
    const token = tokenOf(this.#at);
    const facts = typeof token.data === 'string' ? readToken(token.data) : null;
    this.#fragments = [];
    this.invalidated = false;
    await guard.confirm(this.#at, this.#signal);
    // Under another filter the server may never see the event that the token names, and would fail late.
    const foreignEvent = facts !== null && !facts.highWater && token.filter !== scope.filter;
    if (!foreignEvent && !this.#tokenRefused)
      return this.#opened(await streams.openAfter(resumeToken(token), this.#signal, this.#firstBatch));
    const start = { startAtOperationTime: parseTime(token.time) };
    const open = this.#opened(await streams.open(start, this.#signal, this.#firstBatch));
    this.#dropUntil = this.#at;
    try {
      await guard.check(this.#at, this.#signal);
    } catch (error) {
      await open.close(this.#signal.aborted);
      throw error;
    }
    return open;
  }

  #opened(open: OpenStream): OpenStream {
    const { documents, buffer } = open.opened;
    if (documents.length > 0) this.#pace.brought(documents.length, buffer.length);
    this.#firstBatch = open.alive ? 0 : this.#pace.asked;
    return open;
  }

  async read(open: OpenStream): Promise<CursorReply> {
    const { guard } = this.#context;
    const before = this.#at;
    await systemClock.sleep(this.#pace.waitMs, this.#signal);
    this.#pace.begin();
    const { asked, awaitMs } = this.#pace;
    const reply = await open.next(asked, awaitMs, this.#signal);
    this.#pace.brought(reply.documents.length, reply.buffer.length);
    this.#failingSinceMs = null;
    this.#failures = 0;
    await guard.passed(before, { awaitMs, brought: reply.documents.length > 0 }, this.#signal);
    return reply;
  }

  /** Waits where trying again may help; throws what the leg has to know. */
  async survive(error: unknown): Promise<void> {
    if (isTokenRefused(error)) {
      if (this.#tokenRefused) throw await this.#context.guard.lost(this.#at, this.#signal);
      this.#tokenRefused = true;
      this.#context.log('warn', 'resume_token_refused', { code: codeOf(error) });
      return;
    }
    if (error instanceof CorruptBson)
      throw new ReplicationError('bug', { code: 'corrupt_bson', message: error.message });
    const failure = classify(error, { role: 'source' });
    if (failure.code === 'history_lost') throw await this.#context.guard.lost(this.#at, this.#signal);
    this.#failingSinceMs ??= Date.now();
    if (failure.kind !== 'retry' || Date.now() - this.#failingSinceMs > PATIENCE_MS) throw failure;
    this.#context.log('warn', 'change_stream_interrupted', { code: failure.code, failures: this.#failures });
    await systemClock.sleep(Math.min(1_000, 50 * 2 ** this.#failures++), this.#signal);
  }

  *events(reply: CursorReply): Generator<SourceEvent> {
    let changes: Change[] = [];
    let bytes = 0;
    let last: Place | null = null;
    const commit = (at: Position, place: Place): SourceEvent => {
      const event = { type: 'commit', changes, bytes, position: at, sourceTimeMs: place.sourceTimeMs } as const;
      changes = [];
      bytes = 0;
      return event;
    };
    for (const each of reply.documents) {
      const event = this.#decode(reply.buffer, each.start);
      if (event === null || this.#seenBefore(event.place)) continue;
      if (event.type === 'change') {
        changes.push(event.change);
        bytes += event.change.bytes;
      } else if (event.type === 'schema') {
        if (last && changes.length > 0) yield commit(this.#reach(last.position), last);
        yield { type: 'schema', change: event.change, position: this.#reach(event.place.position) };
      } else if (event.type === 'invalidate') {
        this.invalidated = true;
      }
      last = event.place;
    }
    const end = this.#reach(this.#boundary(reply, last));
    if (last && changes.length > 0) yield commit(end, last);
    else yield { type: 'idle', position: end, sourceTimeMs: parseTime(tokenOf(end).time).t * 1000 };
  }

  #reach(at: Position): Position {
    this.#at = at;
    this.#tokenRefused = false;
    this.#context.guard.reached(at);
    return at;
  }

  #decode(buf: Buffer, offset: number) {
    const event = this.#decoder.decode(buf, offset, this.#overlaps);
    if (event.type !== 'fragment') return event;
    this.#fragments.push(slice(buf, { type: 3, start: offset, end: offset + buf.readInt32LE(offset) }));
    if (!event.last) return null;
    const whole = this.#decoder.decode(joinFragments(this.#fragments), 0, this.#overlaps);
    this.#fragments = [];
    return whole.type === 'fragment' ? null : whole;
  }

  readonly #overlaps = (place: Place, namespace: Namespace): boolean => {
    if (this.#options.looksUp?.(namespace) === true) return true;
    if (this.#pastOverlap) return false;
    const { updates, overlapEnd: inStepAfter } = this.#options;
    if (updates === 'row' || inStepAfter === null) return updates === 'row';
    this.#pastOverlap = order(place.position, inStepAfter) === 'after';
    return !this.#pastOverlap;
  };

  #seenBefore(place: Place): boolean {
    if (this.#dropUntil === null) return false;
    const seen = order(place.position, this.#dropUntil);
    if (seen === 'before' || seen === 'same') return true;
    this.#dropUntil = null;
    return false;
  }

  /** Where a batch ends: the post-batch token, which also moves over what the filter left out. */
  #boundary(reply: CursorReply, last: Place | null): Position {
    const token = reply.postBatchResumeToken;
    const drained = reply.documents.length === 0;
    // Inside a large event only what precedes it may be resumed from; an invalidate must be resumed from by its own token.
    if (token === null || this.#fragments.length > 0 || this.invalidated) return last?.position ?? this.#at;
    if (last?.isNamedBy(token)) return last.position;
    const data = tokenData(token);
    const time = (typeof data === 'string' ? readToken(data)?.time : undefined) ?? last?.time ?? reply.operationTime;
    const known = tokenOf(this.#at);
    const event = last === null ? (known.event ?? eventTime(this.#at)) : formatTime(last.time);
    const end = position(this.#context.scope, data, time ?? parseTime(known.time), drained || last !== null, event);
    return last !== null && order(end, last.position) === 'before' ? last.position : end;
  }
}
