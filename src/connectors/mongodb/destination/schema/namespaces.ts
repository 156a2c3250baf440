import { Binary, type ClientSession, type MongoClient } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import { collationOf, sameCollation } from '../../schema/collation';
import { codeOf } from '../../errors';
import { seriesDifferences, seriesOf, timeFieldOf } from '../../schema/series';
import { targetOwned } from '../../../../core/failures/target-owned';
import type { Parked } from '../../../../core/ports/destination';
import { hasRows, splitNamespace, type Namespace, type SourceNamespace } from '../../../../core/model/namespace';
import type { Renames } from '../../../../core/mapping/pattern';
import { MISMATCH, type Identities } from './ddl';
import type { Fence } from '../ledger/fence';
import type { Owners } from '../ledger/owners';
import { namespaceId, type NamespaceDocument } from '../ledger/records';
import {
  cappedTarget,
  gone,
  keptInTheWay,
  notACollection,
  otherCollation,
  otherKind,
  otherSeries,
  targetConflict,
} from './target-findings';
import { creatable, kindOptions, targetOptions, type Handed } from './target-options';
import { createCollection, dropCollection, present, type Present, type Target } from './targets';
import type { Views } from './views';

/** A time series at the destination. */
export interface Series {
  readonly source: Namespace;
  readonly target: Namespace;
  readonly timeField: string;
}

/** What the stream knows of its targets: makes them, empties them, and remembers which collection each one is. */
export class Namespaces {
  readonly #records = new Map<Namespace, NamespaceDocument>();
  readonly #targets = new Map<Namespace, Target>();
  readonly #entering = new Map<Namespace, Promise<Target>>();
  /** Of these an earlier claim has made the targets. */
  #madeBefore: readonly Namespace[] = [];

  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly identities: Identities,
    private readonly views: Views,
    private readonly owners: Owners,
    private readonly rename: Renames,
    private readonly withOptions: boolean,
    private readonly handed: Handed,
  ) {}

  /** Reads what is recorded and compares it with what is there. Answers with the namespaces that are another collection now. */
  async load(touched: ReadonlySet<Namespace>, signal: AbortSignal): Promise<Namespace[]> {
    const records = await this.fence.store.namespacesOf(this.fence.stream, signal);
    const there = await present(
      this.client,
      records.map(({ target }) => target),
      signal,
    );
    await this.owners.takeRest(
      records.filter(({ identity, left }) => identity !== null && left !== true),
      signal,
    );
    this.#madeBefore = records.flatMap(({ made, source }) => (made === true ? [source] : []));
    const replaced: Namespace[] = [];
    for (const found of records) {
      const now = there.get(found.target);
      const record = converted(found, now);
      this.#keep(record, now);
      if (record.identity === null || touched.has(record.source)) continue;
      // What stands there is inspected when they come back.
      if (record.left === true || (record.parked ?? null) !== null || this.isForeign(record)) continue;
      if (now?.identity !== record.identity) replaced.push(record.source);
    }
    return replaced;
  }

  #keep(record: NamespaceDocument, now: Present | undefined): void {
    this.#records.set(record.source, record);
    if (record.identity === null || now === undefined || this.isForeign(record)) this.#targets.delete(record.source);
    else
      this.#targets.set(record.source, {
        source: record.source,
        name: record.target,
        validated: now.options.has('validator'),
        wholeOrder: record.wholeOrder,
      });
  }

  /** Targets that `finalize` has made capped: they are made plain, and copied anew, before the stream goes on. */
  capped(): Namespace[] {
    return this.all().flatMap((record) => {
      const { source, capped, identity, left, parked } = record;
      const isOurs = identity !== null && left !== true && parked == null && !this.isForeign(record);
      return capped === true && isOurs ? [source] : [];
    });
  }

  parked(): Parked[] {
    return this.all().flatMap(({ source, parked }) => (parked ? [{ namespace: source, ...parked }] : []));
  }

  /** A reason that stands already stays. */
  async park(parked: readonly Parked[], signal: AbortSignal): Promise<void> {
    const records = parked.flatMap(({ namespace, code, message, remedy, at }) =>
      this.#records.get(namespace)?.parked ? [] : [this.#record(namespace, { parked: { code, message, remedy, at } })],
    );
    await this.save(records, signal);
  }

  async mark(
    sources: readonly Namespace[],
    fields: Pick<Partial<NamespaceDocument>, 'parked'>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.save(this.#with(sources, fields), signal);
  }

  #with(sources: readonly Namespace[], fields: Partial<NamespaceDocument>): NamespaceDocument[] {
    return sources.flatMap((source) => {
      const record = this.#records.get(source);
      return record === undefined ? [] : [{ ...record, ...fields }];
    });
  }

  /** Their targets are free for another stream. When they come back, they are copied, which would take up a parked one. */
  async unfollow(sources: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await this.saveReleased(this.#with(sources, { left: true, parked: null }), [], signal);
  }

  /** Another stream has the target. */
  isForeign({ target }: Pick<NamespaceDocument, 'target'>): boolean {
    return this.owners.isForeign(target);
  }

  /** Takes the targets of these for the stream, before anything is done to them. */
  async own(sources: readonly Namespace[], signal: AbortSignal, start = false): Promise<void> {
    const wanted = sources.map((source) => ({ source, target: this.rename(source) }));
    const [first, ...more] = await this.owners.take(wanted, signal);
    if (first !== undefined) throw targetOwned([first, ...more], start);
  }

  /** Drops the target of a namespace that is no more, if it still is the stream's own. */
  async remove(source: Namespace, signal: AbortSignal): Promise<void> {
    const record = this.#records.get(source);
    if (record?.identity == null) return;
    await this.fence.check(signal);
    const now = (await present(this.client, [record.target], signal)).get(record.target);
    if (now?.identity === record.identity && !this.isForeign(record)) await this.#drop(source, now, signal);
    await this.saveReleased([{ ...record, ...REMOVED }], [], signal);
  }

  /**
   * Takes away what an earlier start has made that did not come to its end. No change tells of what the source has dropped or
   * made otherwise since; and nothing was written there yet.
   */
  async undo(signal: AbortSignal): Promise<void> {
    const before = this.#madeBefore.flatMap((source) => this.#records.get(source) ?? []);
    const made = before.filter((record) => !this.isForeign(record));
    this.#madeBefore = [];
    const there = await present(
      this.client,
      made.map(({ target }) => target),
      signal,
    );
    await this.fence.check(signal);
    for (const { identity, source, target } of made) {
      const now = there.get(target);
      if (now !== undefined && (identity ?? now.identity) === now.identity && (await this.#isEmpty(target, signal)))
        await this.#drop(source, now, signal);
    }
    await this.saveReleased(
      made.map((record) => ({ ...record, ...REMOVED, parked: record.parked ?? null })),
      [],
      signal,
    );
  }

  async #isEmpty(target: Namespace, signal: AbortSignal): Promise<boolean> {
    const { database, collection } = splitNamespace(target);
    return (await this.client.db(database).collection(collection).findOne({}, { signal })) === null;
  }

  get(source: Namespace): NamespaceDocument | undefined {
    return this.#records.get(source);
  }

  /** The destination's name of a source namespace. */
  nameOf(source: Namespace): Namespace {
    return this.rename(source);
  }

  /** What a record of this namespace is known by. */
  named(source: Namespace): Pick<NamespaceDocument, '_id' | 'source' | 'target'> {
    return { _id: namespaceId(this.fence.stream, source), source, target: this.rename(source) };
  }

  all(): NamespaceDocument[] {
    return [...this.#records.values()];
  }

  /** Creates what is missing and records what is new. A recorded identity stays: only a new copy takes another one for its own. */
  async prepare(namespaces: readonly SourceNamespace[], signal: AbortSignal, start = false): Promise<void> {
    this.#refuseConflicts(namespaces.map(({ name }) => name));
    const wanted = namespaces.filter(hasRows);
    await this.own(
      wanted.map(({ name }) => name),
      signal,
      start,
    );
    const there = await present(
      this.client,
      wanted.map(({ name }) => this.rename(name)),
      signal,
    );
    const missing: SourceNamespace[] = [];
    for (const namespace of wanted) {
      const target = this.rename(namespace.name);
      const now = there.get(target);
      this.#refuseKept(namespace.name, now);
      if (now === undefined) missing.push(namespace);
      else if (namespace.follows === 'copy_only') {
        if (await this.views.giveWay(now, signal)) missing.push(namespace);
        else this.#refuseOtherSeries(namespace, now);
      } else if (now.type !== 'collection') {
        if (!(await this.#makesWay(namespace.name, now, signal)))
          throw notACollection(namespace.name, target, now.type);
        missing.push(namespace);
      } else if (now.options.flag('capped')) {
        if (!(await this.#uncap(namespace.name, now, signal))) throw cappedTarget(namespace.name, target);
        missing.push(namespace);
      } else if (
        this.withOptions &&
        isTold(namespace) &&
        // What the stream made itself follows the source event by event, and may be behind it now.
        this.#records.get(namespace.name)?.identity !== now.identity &&
        !sameCollation(collationOf(now.options), collationOf(RawDocument.from(namespace.options)))
      )
        throw otherCollation(namespace.name);
    }
    // Recorded before it is made: if this process ends in between, the next claim knows the collection for its own.
    await this.save(
      missing
        .filter(({ name }) => this.#records.get(name)?.identity == null)
        .map(({ name }) => this.#record(name, { made: true })),
      signal,
      there,
    );
    await this.fence.check(signal);
    for (const { name, options } of missing)
      await createCollection(this.client, this.rename(name), this.#options(options), signal);
    const made = await present(
      this.client,
      missing.map(({ name }) => this.rename(name)),
      signal,
    );
    for (const [target, now] of made) there.set(target, now);
    const changed = wanted.flatMap((namespace) => {
      const { name, options } = namespace;
      const known = this.#records.get(name);
      // Gone at the source by now: what was recorded while it was there still holds.
      const wholeOrder = isTold(namespace) ? namespace.wholeOrder : (known?.wholeOrder ?? false);
      const identity = known?.identity ?? there.get(this.rename(name))?.identity ?? null;
      // A namespace that is gone at the source by now was not copied: the stream has changes of it, and no full rows.
      const partial = !isTold(namespace) && (known?.identity == null || known.partial);
      const stored = (!isTold(namespace) && known?.options) || new Binary(this.#options(options).bytes);
      const origin = known?.origin ?? (isTold(namespace) ? namespace.identity : null);
      const same =
        known?.identity === identity &&
        known.origin === origin &&
        known.wholeOrder === wholeOrder &&
        known.partial === partial &&
        known.left !== true &&
        known.options !== null &&
        Buffer.compare(known.options.buffer, stored.buffer) === 0;
      if (same) return [];
      return [this.#record(name, { identity, wholeOrder, partial, left: false, options: stored, origin })];
    });
    await this.save(changed, signal, there);
    for (const { name } of wanted) {
      const record = this.#records.get(name);
      if (record) this.#keep(record, there.get(record.target));
    }
  }

  #options(options: Uint8Array | undefined): RawDocument {
    return this.withOptions ? targetOptions(options, this.handed) : kindOptions(options);
  }

  /** What the stream itself has made under the name of a collection that it follows: rows count more. */
  async #makesWay(source: Namespace, now: Present, signal: AbortSignal): Promise<boolean> {
    if (await this.views.giveWay(now, signal)) return true;
    // The source has had a time series of this name. It is not the recorded collection then, and is copied.
    if (now.type !== 'timeseries' || this.#records.get(source)?.identity !== now.identity) return false;
    await this.fence.check(signal);
    await this.#drop(source, now, signal);
    return true;
  }

  #refuseOtherSeries({ name, options }: SourceNamespace, now: Present): void {
    if (now.type !== 'timeseries') {
      // The drop of what the source had under this name is still to come: its copy finds out.
      if (this.#records.get(name)?.identity === now.identity) return;
      throw otherKind(name, now.name, now.type);
    }
    const [wanted, found] = [seriesOf(RawDocument.from(options)), seriesOf(now.options)];
    if (wanted === undefined || found === undefined) return;
    // Rows would mean something else there. How buckets are cut is told by a verification.
    const other = seriesDifferences(wanted, found).filter((option) => option === 'timeField' || option === 'metaField');
    if (other.length > 0) throw otherSeries(name, now.name, other);
  }

  /** The field of a target that holds the time of a row, where rows can be added to it. */
  async series(source: Namespace, signal: AbortSignal): Promise<Series> {
    const target = this.rename(source);
    const now = (await present(this.client, [target], signal)).get(target);
    const timeField = now && timeFieldOf(now.options);
    if (now === undefined || this.#records.get(source)?.identity !== now.identity) throw gone(source);
    if (timeField == null) throw otherKind(source, target, now.type);
    return { source, target, timeField };
  }

  #record(source: Namespace, fields: Partial<NamespaceDocument>): NamespaceDocument {
    return {
      _id: namespaceId(this.fence.stream, source),
      stream: this.fence.stream,
      source,
      target: this.rename(source),
      identity: null,
      wholeOrder: false,
      partial: false,
      options: null,
      held: [],
      pending: [],
      ...this.#records.get(source),
      ...fields,
    };
  }

  /** What was left behind under this name holds rows of a collection that the stream no longer follows. */
  #refuseKept(source: Namespace, now: Present | undefined): void {
    const kept = this.#records.get(source)?.kept;
    if (kept !== undefined && kept === now?.identity) throw keptInTheWay(source, now.name);
  }

  #refuseConflicts(sources: readonly Namespace[]): void {
    const owners = new Map<Namespace, Namespace>();
    for (const record of this.#records.values())
      if (record.identity !== null && record.left !== true) owners.set(record.target, record.source);
    for (const source of sources) {
      const target = this.rename(source);
      const owner = owners.get(target);
      if (owner !== undefined && owner !== source) throw targetConflict(source, owner, target);
      owners.set(target, source);
    }
  }

  /** Where a lane writes. A namespace that nothing announced is made first, outside of any transaction. */
  async target(source: Namespace, complete: boolean, signal: AbortSignal): Promise<Target> {
    const known = this.#targets.get(source);
    if (known !== undefined) return known;
    let entering = this.#entering.get(source);
    if (entering === undefined) {
      entering = this.#make(source, complete, signal).finally(() => this.#entering.delete(source));
      this.#entering.set(source, entering);
    }
    return entering;
  }

  /** A recorded collection that was taken away is missed by the next claim, so its identity stays: rows went with it. */
  async #make(source: Namespace, complete: boolean, signal: AbortSignal): Promise<Target> {
    const record = this.#records.get(source);
    if (record?.identity == null) return this.enter(source, { partial: !complete }, signal);
    await this.own([source], signal);
    await this.fence.check(signal);
    await createCollection(this.client, record.target, this.#options(record.options?.buffer), signal);
    this.#keep(record, (await present(this.client, [record.target], signal)).get(record.target));
    const made = this.#targets.get(source);
    if (made === undefined) throw gone(source);
    return made;
  }

  /** Whether a collection of this name is the stream's own. */
  isTarget(target: Namespace, identity: string): boolean {
    return this.all().some((record) => record.target === target && record.identity === identity);
  }

  known(source: Namespace): Target | undefined {
    return this.#targets.get(source);
  }

  /** Makes the target of a namespace, unless it is there, and takes it for the stream's own. */
  async enter(
    source: Namespace,
    { partial = false, options }: { readonly partial?: boolean; readonly options?: Buffer | undefined },
    signal: AbortSignal,
  ): Promise<Target> {
    this.#refuseConflicts([source]);
    await this.own([source], signal);
    await this.fence.check(signal);
    const target = this.rename(source);
    const now = (await present(this.client, [target], signal)).get(target);
    this.#refuseKept(source, now);
    if (now !== undefined && now.type !== 'collection') await this.#makesWay(source, now, signal);
    const wanted = options ?? this.#records.get(source)?.options?.buffer;
    await createCollection(this.client, target, this.#options(wanted), signal);
    await this.adopt([source], { partial, ...(wanted && { options: new Binary(wanted) }) }, signal);
    const made = this.#targets.get(source);
    if (made === undefined) throw gone(source);
    return made;
  }

  /** Records the collections that stand at these targets now as the stream's own. */
  async adopt(sources: readonly Namespace[], fields: Partial<NamespaceDocument>, signal: AbortSignal): Promise<void> {
    const there = await present(this.client, sources.map(this.rename), signal);
    const records = sources.map((source) =>
      this.#record(source, { ...fields, identity: there.get(this.rename(source))?.identity ?? null }),
    );
    await this.save(records, signal, there);
  }

  /** Forgets which collection a target is, unless it is the recorded one. */
  async reconsider(
    sources: readonly Namespace[],
    fields: Partial<NamespaceDocument>,
    signal: AbortSignal,
  ): Promise<void> {
    const there = await present(this.client, sources.map(this.rename), signal);
    for (const [target, now] of there) {
      const source = sources.find((name) => this.rename(name) === target);
      if (source !== undefined && (await this.#uncap(source, now, signal))) there.delete(target);
    }
    const records = sources.map((source) => {
      const known = this.#records.get(source)?.identity ?? null;
      const identity = there.get(this.rename(source))?.identity === known ? known : null;
      return this.#record(source, { ...fields, identity });
    });
    await this.save(records, signal, there);
  }

  /** Records that the stream writes the targets of `released` no more, in one step with giving them up, and what takes their place. */
  async saveReleased(
    released: readonly NamespaceDocument[],
    more: readonly NamespaceDocument[],
    signal: AbortSignal,
  ): Promise<void> {
    const ids = new Set(released.map(({ _id }) => _id));
    const held = [...this.all().filter(({ _id }) => !ids.has(_id)), ...more];
    const kept = new Set(held.flatMap(({ identity, left, target }) => (identity && left !== true ? [target] : [])));
    const targets = released.map(({ target }) => target).filter((target) => !kept.has(target));
    await this.save([...released, ...more], signal, undefined, async (session) => {
      if (targets.length > 0) await this.owners.release(targets, session);
    });
    this.owners.released(targets);
  }

  async save(
    records: readonly NamespaceDocument[],
    signal: AbortSignal,
    there?: ReadonlyMap<Namespace, Present>,
    also: (session: ClientSession) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    if (records.length === 0) return;
    await this.fence.transaction(
      { $set: { checked: new Date() } },
      async (session) => {
        await this.fence.store.namespaces.bulkWrite(
          records.map((record) => ({ replaceOne: { filter: { _id: record._id }, replacement: record, upsert: true } })),
          { session, ordered: true },
        );
        await also(session);
      },
      signal,
    );
    const now =
      there ??
      (await present(
        this.client,
        records.map(({ target }) => target),
        signal,
      ));
    for (const record of records) this.#keep(record, now.get(record.target));
  }

  /** An empty collection with the same options in place of the target. */
  async discard(source: Namespace, signal: AbortSignal): Promise<void> {
    await this.own([source], signal);
    const target = this.rename(source);
    const now = (await present(this.client, [target], signal)).get(target);
    if (now !== undefined && !ROWS.has(now.type)) throw notACollection(source, target, now.type);
    this.#refuseKept(source, now);
    await this.fence.check(signal);
    const recorded = this.#records.get(source)?.options;
    // Nothing to empty, and nothing is known of how to make it: that is for `prepare`.
    if (now === undefined && !recorded) return;
    const options = recorded ? RawDocument.from(recorded.buffer) : now?.options;
    if (now !== undefined) await this.#drop(source, now, signal);
    await createCollection(this.client, target, creatable(options ?? RawDocument.EMPTY, this.handed), signal);
    await this.adopt([source], { partial: false, capped: false }, signal);
  }

  /** Takes away what the stream itself has made capped. Its rows are copied anew, because it is not the recorded collection. */
  async #uncap(source: Namespace, now: Present, signal: AbortSignal): Promise<boolean> {
    const record = this.#records.get(source);
    if (record?.capped !== true || record.identity !== now.identity || !now.options.flag('capped')) return false;
    await this.fence.check(signal);
    await this.#drop(source, now, signal);
    await this.save([{ ...record, capped: false }], signal);
    return true;
  }

  async #drop(source: Namespace, { name, identity }: Present, signal: AbortSignal): Promise<void> {
    try {
      await dropCollection(this.client, name, await this.identities.guard(identity, signal), signal);
    } catch (error) {
      if (codeOf(error) !== MISMATCH) throw error;
      // Replaced since it was read: by a later leg of this stream (then the fence tells), or by another program.
      await this.fence.check(signal);
      throw gone(source);
    }
  }
}

/** What holds rows of its own. */
const ROWS: ReadonlySet<string> = new Set(['collection', 'timeseries']);

/** Made capped by a `finalize` that did not hear the answer. */
const converted = (record: NamespaceDocument, now: Present | undefined): NamespaceDocument =>
  record.capping === true && now?.options.flag('capped') === true
    ? { ...record, identity: now.identity, capping: false, capped: true }
    : record;

/** What a record says of a target that was taken away. */
const REMOVED = {
  identity: null,
  partial: false,
  held: [],
  pending: [],
  left: false,
  parked: null,
  made: false,
  origin: null,
  capped: false,
} as const;

/** Whether the source has told how the namespace is made; it cannot of one that is gone. */
const isTold = ({ options }: SourceNamespace): boolean => options.length > 0;
