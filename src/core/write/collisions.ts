import type { Change } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Claim, LanePart, RejectedChange } from '../ports/destination';
import { isReplicationError, type ReplicationError } from '../model/errors';
import { rowId } from './fold';
import type { Lane, Drained } from './lane';
import { reached, type Position } from '../model/position';
import { isRejection, type RejectedChanges } from '../failures/rejected-changes';
import type { Preparing } from './steps';
import type { Source } from '../ports/source';
import type { StepSize } from './step-size';

/** How often rows are looked up again before a collision counts as a true one; and where the row was rejected before. */
const HOLDS = 8;
const HOLDS_BEHIND = 1;
/** Of all that is written in one step. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface CollisionsContext {
  readonly source: Pick<Source, 'currentPosition' | 'order'>;
  readonly claim: Pick<Claim, 'rewriteConflicts' | 'ask'>;
  readonly rejected: RejectedChanges;
  readonly size: StepSize;
  readonly clock: Clock;
  readonly log: Log;
  /** Something is tried again. */
  readonly alive: () => void;
  readonly failed: (error: unknown) => void;
  /** Ends waiting, then writing. */
  readonly ending: AbortSignal;
  readonly writing: AbortSignal;
}

/**
 * Values that move between rows of different lanes meet a unique index in another order than at the source. Once all lanes
 * have run level, what still collides is written as final states in one step: at the source they never collided.
 */
export class Collisions {
  readonly #context: CollisionsContext;
  #lanes: readonly Lane[] = [];
  #resolving: Promise<void> | null = null;
  /** Rows were looked up until here: what they collide with may move on until then. */
  #held: Position | null = null;
  #holds = 0;
  /** Nothing more can be waited for. */
  #pressed = false;

  constructor(context: CollisionsContext) {
    this.#context = context;
  }

  /** Lanes that may collide. */
  watch(lanes: readonly Lane[]): void {
    this.#lanes = lanes;
  }

  /** Changes up to here were handed to lanes. */
  passed(position: Position): void {
    if (this.#held !== null && reached(this.#context.source.order(position, this.#held))) this.report();
  }

  /** Lanes will get nothing more before this is over. */
  press(): void {
    if (this.#held === null) return;
    this.#pressed = true;
    this.report();
  }

  /** A lane waits because of a collision. */
  report(): void {
    this.#held = null;
    this.#resolving ??= this.#resolve()
      .catch((error: unknown) => this.#context.failed(error))
      .finally(() => {
        this.#resolving = null;
        this.#pressed = false;
        this.#context.alive();
      });
  }

  /** Resolves when lanes may be given more. Nothing is awaited where nothing collides. */
  get over(): Promise<void> | null {
    return this.#resolving;
  }

  async #resolve(): Promise<void> {
    const { log, writing } = this.#context;
    for (;;) {
      await this.#level();
      const colliding = this.#lanes.filter((lane) => lane.blocked);
      if (colliding.length === 0) return;
      for (const lane of colliding) await lane.retry(false, writing);
      const blocked = this.#lanes.filter((lane) => lane.blocked);
      log('info', 'collision', { lanes: colliding.length, together: blocked.length });
      if (blocked.length > 0) await this.#rewrite(blocked);
      if (this.#held !== null) return;
    }
  }

  /** Every lane has written what it has, or waits. */
  async #level(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.idle()));
  }

  async #rewrite(lanes: readonly Lane[]): Promise<void> {
    const most = MOST_BYTES / lanes.length;
    const parts = lanes.map((lane) => ({ lane, ...lane.drain(most) }));
    let judged = false;
    try {
      judged = await this.#write(parts, most);
    } finally {
      // Nothing may be written behind what is not.
      if (!judged) for (const { lane, part } of parts) lane.requeue(part);
    }
    if (this.#held !== null) return;
    this.#holds = 0;
    // What cannot be told apart here is told apart lane by lane.
    for (const lane of lanes) await lane.retry(!judged, this.#context.writing);
  }

  /** False when it cannot tell what is in the way. */
  async #write(parts: LanesPart[], maxBytes: number): Promise<boolean> {
    const attempt = async (everyDelta: boolean): Promise<boolean> => {
      const shares = await this.#prepare(parts, { everyDelta, maxBytes }).catch((error: unknown) => {
        if (isRejection(error)) return null;
        throw error;
      });
      if (shares === null) return false;
      const started = this.#context.clock.monotonic();
      try {
        return await this.#writeShares(shares);
      } catch (error) {
        const most = Math.max(...shares.map(({ part }) => part.changes.length));
        this.#context.size.halves(error, most, this.#context.clock.monotonic() - started);
        this.#less(parts, most >> 1);
        return attempt(everyDelta);
      }
    };
    if (this.#context.size.isSmall) this.#less(parts, this.#context.size.most);
    return attempt(false).catch((error: unknown) => {
      if (!isReplicationError(error, 'delta_missed')) throw error;
      this.#context.log('warn', 'delta_missed', { lanes: parts.length });
      return attempt(true);
    });
  }

  async #prepare(parts: LanesPart[], options: Preparing): Promise<readonly Share[]> {
    const shares: Share[] = [];
    for (const index of parts.keys()) shares.push(await this.#share(parts, index, options));
    return shares;
  }

  /** Takes less of a lane until the rows that have to be read are not too large together. */
  async #share(parts: LanesPart[], index: number, options: Preparing): Promise<Share> {
    for (;;) {
      const drained = parts[index] as LanesPart;
      const { lane, part } = drained;
      try {
        const prepared = await lane.steps.prepare(part, options, this.#context.writing);
        return { ...drained, prepared, rejected: [] };
      } catch (error) {
        if (!isReplicationError(error, 'too_much')) throw error;
        parts[index] = { lane, ...lane.drainHalf(part) };
      }
    }
  }

  /** Takes so many changes of each lane at most. */
  #less(parts: LanesPart[], most: number): void {
    for (const [index, { lane, part }] of parts.entries()) {
      let less: Drained | null = null;
      for (let count = part.changes.length; count > most; count = less.part.changes.length)
        less = lane.drainHalf(less?.part ?? part);
      if (less !== null) parts[index] = { lane, ...less };
    }
  }

  /** Leaves one row after the other out, until the rest goes through; false when it cannot tell which. */
  async #writeShares(shares: readonly Share[]): Promise<boolean> {
    const { alive, claim, clock, ending, rejected, size, writing } = this.#context;
    // Lanes have nothing more, in which a value might be given up.
    const whole = shares.every((share) => share.whole);
    const tries = new Map<string, number>();
    for (;;) {
      alive();
      const withinMs = size.withinMs(Math.max(...shares.map(({ part }) => part.changes.length)));
      const parts = shares.map(({ prepared, rejected: left }) => ({ ...prepared, rejected: left, withinMs }));
      try {
        const written = await claim.rewriteConflicts(parts, writing);
        shares.forEach(({ lane, part, rejected: left }, index) => {
          const { fresh, ...rest } = written[index] ?? { fresh: true, bytes: 0 };
          rejected.written({ fresh, ...rest }, left, []);
          lane.steps.written(part, parts[index] as LanePart, fresh);
          lane.wrote(part);
        });
        return true;
      } catch (error) {
        if (!isRejection(error)) throw error;
        const found = findRefused(shares, error);
        if (found === null) return false;
        if (await this.#hold(shares, rejected.isBehind(found.change) ? HOLDS_BEHIND : HOLDS)) return false;
        const row = rowId(found.change);
        if (!whole || (this.#pressed && isLookedUp(shares))) {
          await this.#postpone(found, error);
          continue;
        }
        const tried = (tries.get(row) ?? 0) + 1;
        tries.set(row, tried);
        if (tried <= rejected.policy.maxRetries && !rejected.isBehind(found.change)) {
          await clock.sleep(rejected.policy.retryDelayMs, ending);
          if (!ending.aborted) continue;
          // The next leg tries again, from the first try on.
          for (const { lane } of shares) void lane.close();
          return false;
        }
        leaveOut(found.share, rejected.decide(found.change, error, tried));
      }
    }
  }

  /** A looked-up row may hold a value that another row gives up only later in the stream: then that is waited for. */
  async #hold(shares: readonly Share[], most: number): Promise<boolean> {
    const { source, writing } = this.#context;
    if (!isLookedUp(shares) || this.#pressed || this.#holds >= most) return false;
    this.#holds += 1;
    this.#held = await source.currentPosition(writing);
    return true;
  }

  /**
   * The change of the row that gives the value up is not read before this one is passed. So a fresh copy of this row is asked for,
   * then the change is passed by a dead letter. When the stream has gone on, the copy either fits or is a true conflict.
   */
  async #postpone({ share, change }: Found, error: ReplicationError): Promise<void> {
    const { claim, log, rejected, writing } = this.#context;
    const { namespace, key } = change;
    await claim.ask([{ namespace, key, reason: 'waiting' }], writing);
    leaveOut(share, rejected.postpone(change, error));
    log('info', 'row_waits', { namespace, keyHash: key.hash.toString(16).padStart(8, '0') });
  }
}

/** What a lane has given up to be written with others. */
type LanesPart = Drained & { readonly lane: Lane };

/** The same, ready to be written. */
interface Share extends LanesPart {
  prepared: LanePart;
  rejected: readonly RejectedChange[];
}

/** A row that is rejected, and the part that it is in. */
interface Found {
  readonly share: Share;
  readonly change: Change;
}

/** Rows among these may be ahead of the stream, and hold what others have not given up yet. */
const isLookedUp = (shares: readonly Share[]): boolean =>
  shares.some(({ prepared }) => prepared.superseded !== undefined);

/** The row that the destination names, by the last of its changes. */
function findRefused(shares: readonly Share[], { namespace, keyHash }: ReplicationError): Found | null {
  if (keyHash === undefined) return null;
  for (const share of shares)
    for (const change of share.prepared.changes.toReversed())
      if (change.key.hash === keyHash && change.namespace === namespace) return { share, change };
  return null;
}

/** The row stays as it is at the destination, and the position goes over it. */
function leaveOut(share: Share, refusal: RejectedChange): void {
  const row = rowId(refusal.change);
  const { changes, superseded = [], ...rest } = share.prepared;
  share.prepared = {
    ...rest,
    changes: changes.filter((change) => rowId(change) !== row),
    superseded: superseded.filter((letter) => letter !== refusal.deadLetter),
  };
  share.rejected = [...share.rejected, refusal];
}
