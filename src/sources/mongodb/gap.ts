import { ReplicationError } from '../../replication/errors';
import type { Position } from '../../replication/position';
import type { Deployment } from './deployment';
import { describe, parseTime, tokenOf } from './position';
import { readToken } from './token';

/** A stream this far behind, or held up for this long, may have lost what it had not read yet. */
const BEHIND_MS = 5_000;
const CHECK_EVERY_MS = 5_000;
/** A check may take this part of the time at most: some servers read the whole oplog for it. */
const CHECK_SHARE = 20;

/**
 * MongoDB itself says when history is lost. Some compatible servers let an open cursor jump over the gap and start a
 * stream late, without a word: so the oldest oplog entry is compared with the position, when the stream lags.
 */
export class GapGuard {
  readonly #deployment: Deployment;
  #nextCheckMs = 0;
  #lastReadMs = Date.now();
  #running: Promise<void> | null = null;
  #failure: Error | null = null;

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
  }

  /** Changes were read from a stream that stood at `before`. */
  async passed(before: Position, signal: AbortSignal): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const now = Date.now();
    const heldUp = now - this.#lastReadMs > BEHIND_MS;
    const behind = now - parseTime(tokenOf(before).time).t * 1000 > BEHIND_MS;
    this.#lastReadMs = now;
    if (heldUp) {
      await this.check(before, signal);
      return;
    }
    if (!behind || now < this.#nextCheckMs || this.#running !== null) return;
    this.#running = this.check(before, signal)
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : new Error('the check failed');
      })
      .finally(() => {
        this.#running = null;
        this.#nextCheckMs = Date.now() + Math.max(CHECK_EVERY_MS, (Date.now() - now) * CHECK_SHARE);
      });
  }

  /** Rejects with `history_lost` when the oplog begins after the position. */
  async check(at: Position, signal: AbortSignal): Promise<void> {
    const oldest = await this.#deployment.oplogTime('oldest', signal);
    if (oldest !== null && oldest.toBigInt() > timeOf(at)) throw historyLost(at);
  }

  /**
   * Rejects with `source_behind` when the source's log does not hold what was read from it: it was restored from an
   * older state. A restored server's clock has mostly passed the position, so an event is looked for by its very time;
   * a position between events only tells when it lies ahead of everything.
   */
  async confirm(at: Position, signal: AbortSignal): Promise<void> {
    // A router's own clock may be behind its shards', and it has no oplog.
    if (at.history.startsWith('cluster:')) return;
    // A stream opened on an idle server stands one tick after the newest entry.
    if (timeOf(at) > (await this.#deployment.now(signal)).toBigInt() + 1n) throw sourceBehind(at);
    const { data, time } = tokenOf(at);
    const facts = typeof data === 'string' ? readToken(data) : null;
    if (facts === null || facts.highWater) return;
    if ((await this.#deployment.oplogHas(parseTime(time), signal)) !== false) return;
    const oldest = await this.#deployment.oplogTime('oldest', signal);
    if (oldest === null) return;
    throw oldest.toBigInt() > timeOf(at) ? historyLost(at) : sourceBehind(at);
  }
}

const timeOf = (at: Position): bigint => parseTime(tokenOf(at).time).toBigInt();

export const historyLost = (at: Position): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'history_lost',
    message: `the source no longer has what happened after ${describe(at)}`,
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
