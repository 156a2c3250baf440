import type { ClientSession } from 'mongodb';
import type { Namespace } from '../../../../core/model/namespace';
import type { Log } from '../../../../core/ports/connector';
import type { OwnedTarget } from '../../../../core/ports/destination';
import { codeOf } from '../../errors';
import type { Fence } from './fence';
import type { OwnerDocument } from './records';
import type { Store } from './store';

/** A target and the source namespace that is to be written to it. */
export interface WantedTarget {
  readonly source: Namespace;
  readonly target: Namespace;
}

export interface Owner {
  readonly stream: string;
  /** `shared_targets`: writes beside other streams that say so too. */
  readonly shared: boolean;
}

interface Judged {
  readonly writes: readonly OwnerDocument[];
  /** Targets of other streams, shared ones too. */
  readonly owned: readonly OwnedTarget[];
}

/** So often a transaction is tried that met another stream's record of the same target. */
const TRIES = 5;

/** Which of these targets another stream has. */
export async function ownedByOthers(
  store: Store,
  owner: Owner,
  wanted: readonly WantedTarget[],
  signal: AbortSignal,
): Promise<readonly OwnedTarget[]> {
  return judge(owner, wanted, await store.ownersOf(targetsOf(wanted), signal)).owned;
}

/**
 * The targets that the stream alone may write. A record is made before a target is created, emptied or written, in a transaction
 * that holds the stream's epoch: of two streams that prepare one target at the same moment, the second meets the first one's record.
 */
export class Owners {
  readonly #taken = new Set<Namespace>();
  readonly #foreign = new Set<Namespace>();
  #made = false;

  constructor(
    private readonly fence: Fence,
    private readonly shared: boolean,
    private readonly log: Log,
  ) {}

  /** Another stream had it when it was asked for last. */
  isForeign(target: Namespace): boolean {
    return this.#foreign.has(target);
  }

  /** Takes all of these, or none where another stream has one; answers with those. */
  async take(wanted: readonly WantedTarget[], signal: AbortSignal): Promise<readonly OwnedTarget[]> {
    const missing = wanted.filter(({ target }) => !this.#taken.has(target));
    if (missing.length === 0) return [];
    const { store } = this.fence;
    let judged = judge(this.#owner, missing, await store.ownersOf(targetsOf(missing), signal));
    if (judged.writes.length > 0 && conflictsOf(judged).length === 0) judged = await this.#write(missing, signal);
    const conflicts = conflictsOf(judged);
    for (const { target } of conflicts) this.#foreign.add(target);
    if (conflicts.length > 0) return conflicts;
    for (const { target } of missing) {
      this.#taken.add(target);
      this.#foreign.delete(target);
    }
    for (const { namespace, target, owners } of judged.owned)
      this.log('info', 'target_shared', { namespace, target, streams: owners });
    return [];
  }

  /** What of a stream's own targets it has; a ledger of 0.1.0 has no records of owners, and gets them. */
  async takeRest(wanted: readonly WantedTarget[], signal: AbortSignal): Promise<void> {
    const conflicts = await this.take(wanted, signal);
    if (conflicts.length === 0) return;
    await this.takeRest(
      wanted.filter(({ target }) => !this.isForeign(target)),
      signal,
    );
  }

  /** Part of the transaction that records that the stream writes these no more. */
  async release(targets: readonly Namespace[], session: ClientSession): Promise<void> {
    await removeHolder(this.fence.store, this.fence.stream, targets, session);
  }

  released(targets: readonly Namespace[]): void {
    for (const target of targets) this.#taken.delete(target);
  }

  /** A finished stream writes no more. */
  async releaseAll(signal: AbortSignal): Promise<void> {
    const { store, stream } = this.fence;
    const targets = await store.ownedBy(stream, signal);
    if (targets.length > 0)
      await this.fence.transaction(
        { $set: { checked: new Date() } },
        (session) => removeHolder(store, stream, targets, session),
        signal,
      );
    this.#taken.clear();
  }

  get #owner(): Owner {
    return { stream: this.fence.stream, shared: this.shared };
  }

  async #write(wanted: readonly WantedTarget[], signal: AbortSignal): Promise<Judged> {
    const { store } = this.fence;
    // A collection that is made in a transaction conflicts with every other stream that makes it.
    if (!this.#made) await store.createOwners(signal);
    this.#made = true;
    for (let attempt = 1; ; attempt++)
      try {
        let judged: Judged = { writes: [], owned: [] };
        await this.fence.transaction(
          { $set: { checked: new Date() } },
          async (session) => {
            judged = judge(this.#owner, wanted, await store.ownersOf(targetsOf(wanted), signal, session));
            if (conflictsOf(judged).length === 0) await store.putOwners(judged.writes, session);
          },
          signal,
        );
        return judged;
      } catch (error) {
        // 11000: another stream has made the record since this transaction has read.
        if (codeOf(error) !== 11000 || attempt === TRIES) throw error;
      }
  }
}

/** Takes a stream off the records of these targets; records without a stream go. */
export async function removeHolder(
  store: Store,
  stream: string,
  targets: readonly Namespace[],
  session: ClientSession,
): Promise<void> {
  const held = await store.owners.find({ _id: { $in: [...targets] } }, { session }).toArray();
  const others = held.flatMap((record) => {
    const holders = record.holders.filter((holder) => holder.stream !== stream);
    return holders.length === record.holders.length ? [] : [{ ...record, holders }];
  });
  const gone = others.filter(({ holders }) => holders.length === 0).map(({ _id }) => _id);
  if (gone.length > 0) await store.owners.deleteMany({ _id: { $in: gone } }, { session });
  await store.putOwners(
    others.filter(({ holders }) => holders.length > 0),
    session,
  );
}

const targetsOf = (wanted: readonly WantedTarget[]): readonly Namespace[] => wanted.map(({ target }) => target);

const conflictsOf = ({ owned }: Judged): readonly OwnedTarget[] => owned.filter(({ shared }) => !shared);

/** One `shared` in two is not enough: a stream that does not say so was promised to be alone. */
function judge(owner: Owner, wanted: readonly WantedTarget[], found: readonly OwnerDocument[]): Judged {
  const records = new Map(found.map((record) => [record._id, record]));
  const judged = wanted.map(({ source, target }) => {
    const record = records.get(target);
    const mine = record?.holders.find(({ stream }) => stream === owner.stream);
    const others = record?.holders.filter(({ stream }) => stream !== owner.stream) ?? [];
    const shared = owner.shared && (others.length === 0 || record?.shared === true);
    const owned: OwnedTarget = { namespace: source, target, owners: others.map(({ stream }) => stream), shared };
    const isSame = mine?.source === source && record?.shared === owner.shared;
    const next: OwnerDocument = {
      _id: target,
      shared: owner.shared,
      holders: [...others, { stream: owner.stream, source, at: mine?.at ?? new Date() }],
    };
    return { owned, write: isSame ? null : next };
  });
  return {
    writes: judged.flatMap(({ write }) => write ?? []),
    owned: judged.flatMap(({ owned }) => (owned.owners.length > 0 ? [owned] : [])),
  };
}
