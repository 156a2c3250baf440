import type { Timestamp } from 'mongodb';
import { ReplicationError } from '../../../../core/model/errors';
import { reached as isReached, type Position } from '../../../../core/model/position';
import type { ChangeStreams } from './cursor';
import type { Deployment } from '../deployment';
import { SHARE } from '../shared-cache';
import { describe, describeTime, eventTime, order, parseTime, resumeToken, tokenOf } from '../position';

/** A stream this far behind, or held up for this long, may have lost what it had not read yet. */
const BEHIND_MS = 5_000;
const CHECK_EVERY_MS = 5_000;
/** A check may take this part of the time at most: some servers read the whole oplog for it. */
const CHECK_SHARE = 20;

interface Served {
  readonly process: string;
  readonly at: Position;
  readonly whenMs: number;
}

/** By stream: up to where which server process has given it changes in this worker. */
const SERVED = new Map<string, Served>();
/** By stream: how long it took to find its position in the log, ms. */
const FOUND_AFTER_MS = new Map<string, number>();

/**
 * MongoDB itself says when history is lost. Some compatible servers let an open cursor jump over the gap and start a
 * stream late, without a word: so when a stream lags, the server is asked whether it would still go on from the
 * position, and the oldest oplog entry is compared with it.
 */
export class GapGuard {
  readonly #deployment: Deployment;
  readonly #streams: ChangeStreams;
  /** The stream whose last read position is remembered; null for a read that no stream goes on from, such as that of a verification. */
  readonly #stream: string | null;
  /** The server process that the stream is open on. */
  #process: string | null = null;
  #nextCheckMs = 0;
  #lastReadMs = Date.now();
  #running: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(deployment: Deployment, streams: ChangeStreams, stream: string | null = null) {
    this.#deployment = deployment;
    this.#streams = streams;
    this.#stream = stream;
  }

  /** Everything up to here was read from the stream that was confirmed last. */
  reached(at: Position): void {
    if (this.#stream !== null && this.#process !== null)
      SERVED.set(this.#stream, { process: this.#process, at, whenMs: Date.now() });
  }

  /**
   * A stream that stood at `before` was read, by a read that would wait for so long for changes, and maybe has brought
   * some. One that is read again and again in silence is not held up.
   */
  async passed(before: Position, read: { readonly awaitMs: number; readonly brought: boolean }, signal: AbortSignal) {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
    const now = Date.now();
    const heldUp = now - this.#lastReadMs > BEHIND_MS + read.awaitMs;
    const behind = now - parseTime(tokenOf(before).time).t * 1000 > BEHIND_MS;
    this.#lastReadMs = now;
    if (heldUp) {
      await this.check(before, signal);
      return;
    }
    if (!read.brought || !behind || now < this.#nextCheckMs || this.#running !== null) return;
    this.#running = this.check(before, signal)
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error('the check failed');
      })
      .finally(() => {
        this.#running = null;
        this.#nextCheckMs = Date.now() + Math.max(CHECK_EVERY_MS, (Date.now() - now) * CHECK_SHARE);
      });
  }

  /** Rejects with `history_lost` when the source's log begins after the position. */
  async check(at: Position, signal: AbortSignal): Promise<void> {
    // A router tells by itself, and has no oplog.
    if (at.history.startsWith('cluster:')) return;
    const answer = await this.#streams.goesOnAfter(resumeToken(tokenOf(at)), signal);
    if (answer === 'lost') throw await this.lost(at, signal);
    if (answer === 'goes') {
      const lately = await this.#deployment.oldest(signal);
      if (lately === null || lately.toBigInt() <= timeOf(at)) return;
    }
    // An answer of some time ago, maybe another member's, proves no loss; and where the token tells nothing, only this does.
    const oldest = await this.#deployment.oplogTime('oldest', signal);
    if (oldest !== null && oldest.toBigInt() > timeOf(at)) throw historyLost(at, oldest);
  }

  /**
   * Rejects with `source_behind` when the source's log does not hold what was read from it: it was restored from an
   * older state. A restored server's clock has mostly passed the position, so an event is looked for by its very time:
   * that of the position, or the last one before it.
   */
  async confirm(at: Position, signal: AbortSignal): Promise<void> {
    // A router's own clock may be behind its shards', and it has no oplog.
    if (at.history.startsWith('cluster:')) return;
    const process = await this.#deployment.process(signal);
    const served = this.#stream === null ? undefined : SERVED.get(this.#stream);
    // A server is not restored without being started anew: what this process of it has given to this worker lately, it
    // has. Some servers read their whole log to tell.
    const known = served?.process === process && this.#isRecent(served) && isReached(order(served.at, at));
    if (!known) await this.#timed(this.#inLog(at, signal));
    this.#process = process;
  }

  #isRecent({ whenMs }: Served): boolean {
    const tookMs = FOUND_AFTER_MS.get(this.#stream ?? '') ?? 0;
    return Date.now() - whenMs < Math.max(BEHIND_MS, tookMs * SHARE);
  }

  async #timed(search: Promise<void>): Promise<void> {
    const began = performance.now();
    await search;
    if (this.#stream !== null) FOUND_AFTER_MS.set(this.#stream, performance.now() - began);
  }

  async #inLog(at: Position, signal: AbortSignal): Promise<void> {
    // A stream opened on an idle server stands one tick after the newest entry.
    if (timeOf(at) > (await this.#deployment.now(signal)).toBigInt() + 1n) throw sourceBehind(at);
    const named = eventTime(at);
    // Between events, the last one before stands for it: without that one, what came after it is not there either.
    const seen = named ?? tokenOf(at).event;
    if (seen === undefined || (await this.#deployment.oplogHas(parseTime(seen), signal)) !== false) return;
    const oldest = await this.#deployment.oplogTime('oldest', signal);
    if (oldest === null) return;
    if (oldest.toBigInt() <= parseTime(seen).toBigInt()) throw sourceBehind(at);
    // An event that has rolled over is no loss where the position is beyond it: the server tells of that.
    if (named !== undefined) throw historyLost(at, oldest);
  }

  /** What a server that has refused the position means, with what it still has, where it says so. */
  async lost(at: Position, signal: AbortSignal): Promise<ReplicationError> {
    return historyLost(at, await this.#deployment.oplogTime('oldest', signal).catch(() => null));
  }
}

const timeOf = (at: Position): bigint => parseTime(tokenOf(at).time).toBigInt();

const historyLost = (at: Position, oldest: Timestamp | null = null): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'history_lost',
    message: `the source no longer has what happened after ${describe(at)}${oldest === null ? '' : `: its log begins at ${describeTime(oldest)}`}`,
    remedy:
      'Make the oplog larger, then restart the stream from a snapshot: it copies again and repairs, deletes included.',
  });

const sourceBehind = (at: Position): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'source_behind',
    message: `the source does not hold what this stream has read from it at ${describe(at)}: it was restored from an older state`,
    remedy:
      'Run `tributary streams restart ID --from snapshot`: it copies again and removes what the source no longer has.',
  });
