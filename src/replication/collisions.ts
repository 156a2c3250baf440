import type { Change } from './change';
import type { Log } from './connector';
import type { Claim, LanePart, Refusal } from './destination';
import { isReplicationError, type ReplicationError } from './errors';
import { rowId } from './fold';
import { pause } from './gate';
import type { Lane, Part } from './lane';
import { isRefusal, type Refusals } from './refusals';

export interface CollisionsContext {
  readonly claim: Pick<Claim, 'applyTogether'>;
  readonly refusals: Refusals;
  readonly log: Log;
  /** Something is tried again. */
  readonly alive: () => void;
  readonly failed: (error: unknown) => void;
  /** Ends waiting, then writing. */
  readonly ending: AbortSignal;
  readonly writing: AbortSignal;
}

/** Of one lane: what it could not write alone. */
interface Share {
  readonly lane: Lane;
  readonly part: Part;
  prepared: LanePart;
  refusals: Refusal[];
}

/**
 * Values that move between rows of different lanes meet a unique index in another order than at the source. Once all lanes
 * have run level, what still collides is written as final states in one step: at the source they never collided.
 */
export class Collisions {
  readonly #context: CollisionsContext;
  #lanes: readonly Lane[] = [];
  #settling: Promise<void> | null = null;

  constructor(context: CollisionsContext) {
    this.#context = context;
  }

  /** Lanes that may collide. */
  watch(lanes: readonly Lane[]): void {
    this.#lanes = lanes;
  }

  /** A lane waits because of a collision. */
  report(): void {
    this.#settling ??= this.#settle()
      .catch((error: unknown) => this.#context.failed(error))
      .finally(() => {
        this.#settling = null;
        this.#context.alive();
      });
  }

  /** Resolves when lanes may be given more. Nothing is awaited where nothing collides. */
  get over(): Promise<void> | null {
    return this.#settling;
  }

  async #settle(): Promise<void> {
    const { log, writing } = this.#context;
    for (;;) {
      await this.#level();
      const colliding = this.#lanes.filter((lane) => lane.stuck);
      if (colliding.length === 0) return;
      for (const lane of colliding) await lane.retry(false, writing);
      const stuck = this.#lanes.filter((lane) => lane.stuck);
      log('info', 'collision', { lanes: colliding.length, together: stuck.length });
      if (stuck.length > 0) await this.#together(stuck);
    }
  }

  /** Every lane has written what it has, or waits. */
  async #level(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.idle()));
  }

  async #together(lanes: readonly Lane[]): Promise<void> {
    const parts = lanes.map((lane) => ({ lane, part: lane.surrender() }));
    let judged = false;
    try {
      judged = await this.#write(parts);
    } finally {
      // Nothing may be written behind what is not.
      if (!judged) for (const { lane, part } of parts) lane.giveBack(part);
    }
    // What cannot be told apart here is told apart lane by lane.
    for (const lane of lanes) await lane.retry(!judged, this.#context.writing);
  }

  /** Leaves one row after the other out, until the rest goes through; false when it cannot tell which. */
  async #write(parts: readonly Pick<Share, 'lane' | 'part'>[]): Promise<boolean> {
    const { writing } = this.#context;
    const shares: Share[] = [];
    try {
      for (const { lane, part } of parts)
        shares.push({ lane, part, prepared: await lane.steps.prepare(part, false, writing), refusals: [] });
    } catch (error) {
      if (isRefusal(error)) return false;
      throw error;
    }
    return this.#writeShares(shares);
  }

  async #writeShares(shares: readonly Share[]): Promise<boolean> {
    const { alive, claim, ending, refusals, writing } = this.#context;
    const tries = new Map<string, number>();
    for (;;) {
      alive();
      const parts = shares.map(({ prepared, refusals: left }) => ({ ...prepared, refusals: left }));
      try {
        const written = await claim.applyTogether(parts, writing);
        shares.forEach(({ lane, part, refusals: left }, index) => {
          const { fresh, ...rest } = written[index] ?? { fresh: true, bytes: 0 };
          refusals.written({ fresh, ...rest }, left, []);
          lane.steps.written(part, parts[index] as LanePart, fresh);
          lane.wrote(part);
        });
        return true;
      } catch (error) {
        if (isReplicationError(error, 'delta_missed')) {
          for (const share of shares) share.prepared = await share.lane.steps.prepare(share.part, true, writing);
          if (shares.every(({ prepared }) => prepared.changes.every(({ op }) => op !== 'update'))) continue;
          throw error;
        }
        if (!isRefusal(error)) throw error;
        const found = findRefused(shares, error);
        if (found === null) return false;
        const row = rowId(found.change);
        const tried = (tries.get(row) ?? 0) + 1;
        tries.set(row, tried);
        if (tried <= refusals.policy.maxRetries && !refusals.isBehind(found.change)) {
          await pause(ending, refusals.policy.retryDelayMs);
          if (!ending.aborted) continue;
          // The next leg tries again, from the first try on.
          for (const { lane } of shares) void lane.close();
          return false;
        }
        leaveOut(found.share, refusals.decide(found.change, error, tried));
      }
    }
  }
}

/** The row that the destination names, by the last of its changes. */
function findRefused(
  shares: readonly Share[],
  { namespace, keyHash }: ReplicationError,
): { readonly share: Share; readonly change: Change } | null {
  if (keyHash === undefined) return null;
  for (const share of shares)
    for (const change of share.prepared.changes.toReversed())
      if (change.key.hash === keyHash && change.namespace === namespace) return { share, change };
  return null;
}

/** The row stays as it is at the destination, and the position goes over it. */
function leaveOut(share: Share, refusal: Refusal): void {
  const row = rowId(refusal.change);
  const { changes, settled = [], ...rest } = share.prepared;
  share.prepared = {
    ...rest,
    changes: changes.filter((change) => rowId(change) !== row),
    settled: settled.filter((letter) => letter !== refusal.letter),
  };
  share.refusals = [...share.refusals, refusal];
}
