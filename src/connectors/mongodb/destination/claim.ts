import type { MongoClient } from 'mongodb';
import type { SchemaChange } from '../../../core/model/change';
import type { Log } from '../../../core/ports/connector';
import type {
  Absent,
  AddPart,
  Advanced,
  Claim,
  LanePart,
  BackfillKind,
  LaneRecord,
  Ledger,
  LoadPart,
  Parked,
  RangeRecord,
  RepairAsk,
  RepairRequest,
  Written,
} from '../../../core/ports/destination';
import type { Finding } from '../../../core/model/finding';
import type { DeadLetterKey } from '../../../core/model/dead-letter';
import type { Derived, Namespace, SourceNamespace } from '../../../core/model/namespace';
import type { Renames } from '../../../core/mapping/pattern';
import type { Position } from '../../../core/model/position';
import type { Range } from '../../../core/ports/source';
import { lacking } from './writer/add-rows';
import { Alterations } from './schema/alter';
import { Copies } from './ledger/copies';
import { Builds } from './indexes/builds';
import { Capped } from './schema/capped';
import { Identities } from './schema/ddl';
import { Fence } from './ledger/fence';
import { Owners } from './ledger/owners';
import { inTime } from './writer/in-time';
import { heldBack, Indexes } from './indexes/indexes';
import {
  Lane,
  deadLettersOf,
  undone,
  writeParts,
  type LaneShare,
  type LaneShares,
  type WriterOptions,
} from './writer/lane';
import { Layout } from './ledger/writers';
import type { DeadLetters } from './ledger/dead-letters';
import { leftOver } from './schema/left-over';
import { Loader } from './writer/loader';
import { Namespaces } from './schema/namespaces';
import { classified } from './translate-errors';
import { readLane, readPosition, readRange, storePosition, belongsTo } from './ledger/records';
import type { LaneDocument, LoaderDocument } from './ledger/records';
import { askRepairs, closeRepairs, openRepairs } from './ledger/repairs';
import { inexpressible, Reshaping } from './schema/reshape';
import { FixedSession } from './ledger/session';
import type { Store } from './ledger/store';
import type { FencedRecords } from './ledger/fencing';
import { ConflictRewrite } from './writer/conflict-rewrite';
import type { Handed } from './schema/target-options';
import type { Target, Targets } from './schema/targets';
import { Views } from './schema/views';

export interface ClaimOptions {
  readonly client: MongoClient;
  readonly store: Store;
  readonly stream: string;
  readonly epoch: number;
  readonly rename: Renames;
  readonly ledgerDatabase: string;
  readonly createOptions: boolean;
  readonly handed: Handed;
  readonly buildIndexes: boolean;
  /** Unique indexes are built with the others. */
  readonly uniqueInForce: boolean;
  /** Writes targets beside other streams that do so too. */
  readonly sharedTargets: boolean;
  readonly deadLetters: DeadLetters;
  readonly log: Log;
}

/** The loader that adds rows to time series; one at a time. */
const ADDING = 0;

/** The right to write for one stream at one epoch. */
export class MongodbClaim implements Claim {
  readonly #writer: WriterOptions;
  readonly #fence: Fence;
  readonly #namespaces: Namespaces;
  readonly #alterations: Alterations;
  readonly #builds: Builds;
  readonly #indexes: Indexes;
  readonly #views: Views;
  readonly #owners: Owners;
  readonly #capped: Capped;
  readonly #copies: Copies;
  readonly #layout: Layout;
  readonly #conflictRewrite: ConflictRewrite;
  readonly #lanes = new Map<number, Lane>();
  readonly #loaders = new Map<number, Promise<Loader>>();
  readonly #loaderRecords: readonly LoaderDocument[];
  /** Namespaces whose copy has met rows that were there before. */
  readonly #merging = new Set<Namespace>();
  #ledger: Ledger;
  /** Namespaces whose targets are not the collections that the stream wrote. */
  #replaced: readonly Namespace[] = [];

  private constructor(
    private readonly options: ClaimOptions,
    fencedRecords: FencedRecords,
  ) {
    const { client, store, stream, epoch, rename, ledgerDatabase, deadLetters, log } = options;
    this.#writer = { store, stream, epoch, deadLetters };
    const session = new FixedSession(client, { id: fencedRecords.stream.session, epoch, phase: 'write' });
    this.#fence = new Fence(store, stream, epoch, session);
    const identities = new Identities(client, ledgerDatabase);
    this.#owners = new Owners(this.#fence, options.sharedTargets, log);
    this.#views = new Views({
      client,
      fence: this.#fence,
      rename,
      isTarget: (target, identity) => this.#namespaces.isTarget(target, identity),
      owners: this.#owners,
      log,
    });
    this.#namespaces = new Namespaces(
      client,
      this.#fence,
      identities,
      this.#views,
      this.#owners,
      rename,
      options.createOptions,
      options.handed,
    );
    this.#builds = new Builds(client, this.#fence, this.#namespaces, log);
    const isHeld = heldBack(options);
    const shapes = {
      withOptions: options.createOptions,
      handed: options.handed,
      withIndexes: options.buildIndexes,
      isHeld,
    };
    const reshaping = new Reshaping(client, this.#fence, this.#namespaces, this.#builds, shapes, log);
    this.#alterations = new Alterations(
      client,
      this.#fence,
      this.#namespaces,
      identities,
      reshaping,
      this.#builds,
      deadLetters,
      this.#views,
      log,
    );
    this.#indexes = new Indexes(client, this.#fence, this.#namespaces, isHeld, log);
    this.#capped = new Capped(client, this.#fence, this.#namespaces, log);
    this.#copies = new Copies(this.#fence, this.#namespaces, this.#writer);
    this.#layout = new Layout(this.#fence);
    this.#conflictRewrite = new ConflictRewrite(this.#writer, ledgerDatabase);
    this.#loaderRecords = fencedRecords.records.filter((record) => record.kind === 'loader');
    this.#ledger = emptyLedger(epoch);
  }

  static async open(options: ClaimOptions, fencedRecords: FencedRecords, signal: AbortSignal): Promise<MongodbClaim> {
    const claim = new MongodbClaim(options, fencedRecords);
    const { barrier, lowWater, sequence } = fencedRecords.stream;
    const touched = new Set(barrier?.state === 'intent' ? barrier.touches : []);
    const [replaced, ranges] = await Promise.all([
      claim.#namespaces.load(touched, signal),
      options.store.rangesOf(options.stream, signal),
      claim.#views.load(signal),
    ]);
    claim.#replaced = replaced;
    const lanes = fencedRecords.records.filter((record) => record.kind === 'lane');
    claim.#ledger = {
      epoch: options.epoch,
      lowWater: readPosition(lowWater),
      sequence,
      lanes: claim.#open(lanes, fencedRecords.stream.lanes),
      barrier: barrier && { position: readPosition(barrier.position) as Position, state: barrier.state },
      ranges: ranges.map(readRange),
      replaced: [...replaced, ...claim.#namespaces.capped()],
      known: claim.#namespaces.all().map(({ source }) => source),
      unfollowed: claim.#namespaces.all().flatMap(({ source, left }) => (left === true ? [source] : [])),
      parked: claim.#namespaces.parked(),
    };
    return claim;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  #open(records: readonly LaneDocument[], count: number): LaneRecord[] {
    const inForce = records.filter(({ lane }) => lane < count).sort((a, b) => a.lane - b.lane);
    // A lane keeps its session for as long as the claim: its numbers must not begin anew.
    for (const record of inForce)
      if (!this.#lanes.has(record.lane)) this.#lanes.set(record.lane, new Lane(this.#writer, record));
    return inForce.map(readLane);
  }

  async prepare(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<void> {
    await classified(async () => {
      if (this.#ledger.lowWater === null) await this.#namespaces.undo(signal);
      await this.#namespaces.prepare(namespaces, signal, this.#ledger.lowWater === null);
      await this.#indexes.holdExpiring(signal);
    });
  }

  async discard(namespace: Namespace, signal: AbortSignal): Promise<void> {
    await classified(async () => {
      await this.#namespaces.discard(namespace, signal);
      await this.options.deadLetters.supersedeAll(this.options.stream, [namespace], signal);
    }, namespace);
    this.#merging.delete(namespace);
  }

  async plan(ranges: ReadonlyMap<Namespace, readonly Range[]>, signal: AbortSignal): Promise<readonly RangeRecord[]> {
    return classified(() => this.#copies.plan({ ranges, inline: null, start: this.#ledger.lowWater === null }, signal));
  }

  async planBackfill(
    namespaces: ReadonlyMap<Namespace, { readonly estimatedRows: number }>,
    mode: BackfillKind,
    signal: AbortSignal,
  ): Promise<readonly RangeRecord[]> {
    const ranges = new Map(
      [...namespaces].map(([name, { estimatedRows }]) => [name, [{ from: null, to: null, estimatedRows }]] as const),
    );
    return classified(async () => {
      const planned = await this.#copies.plan({ ranges, inline: mode, start: this.#ledger.lowWater === null }, signal);
      // Every row is compared, and no delta is applied before that: a row that is rejected then is told anew.
      await this.options.deadLetters.supersedeAll(this.options.stream, [...namespaces.keys()], signal);
      return planned;
    });
  }

  async progressed(
    range: RangeRecord,
    next: Pick<RangeRecord, 'after' | 'done' | 'rows' | 'bytes'>,
    signal: AbortSignal,
  ): Promise<RangeRecord> {
    return classified(() => this.#copies.progressed(range, next, signal), range.namespace);
  }

  async copied(namespace: Namespace, inStepAfter: Position, signal: AbortSignal): Promise<void> {
    await classified(() => this.#copies.copied(namespace, inStepAfter, signal), namespace);
  }

  async park(parked: readonly Parked[], signal: AbortSignal): Promise<void> {
    await classified(() => this.#namespaces.park(parked, signal));
    this.#ledger = { ...this.#ledger, parked: this.#namespaces.parked() };
  }

  async unpark(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await classified(async () => {
      await this.#namespaces.own(namespaces, signal);
      await this.#namespaces.mark(namespaces, { parked: null }, signal);
    });
    this.#ledger = { ...this.#ledger, parked: this.#namespaces.parked() };
  }

  async unfollow(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await classified(() => this.#namespaces.unfollow(namespaces, signal));
    this.#ledger = { ...this.#ledger, parked: this.#namespaces.parked() };
  }

  async remove(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    for (const name of namespaces) await classified(() => this.#namespaces.remove(name, signal), name);
    if (namespaces.length > 0)
      await classified(() => this.options.deadLetters.supersedeAll(this.options.stream, namespaces, signal));
  }

  async load(part: LoadPart, signal: AbortSignal): Promise<Written> {
    const source = part.range.namespace;
    return classified(async () => {
      const loader = await this.#loader(part.loader, signal);
      const target = await this.#namespaces.target(source, true, signal);
      const { met, ...written } = await loader.load(part, target, this.#merging.has(source), signal);
      if (met) this.#merging.add(source);
      return written;
    }, source);
  }

  async add(part: AddPart, signal: AbortSignal): Promise<number> {
    const source = part.range.namespace;
    return classified(async () => {
      // Let in before rows are looked for: what an earlier epoch has under way on its session is over then.
      const loader = await this.#loader(ADDING, signal);
      const series = await this.#namespaces.series(source, signal);
      const rows = await lacking(this.options.client, series, part, signal);
      if (rows.length === 0) return 0;
      await this.#fence.check(signal);
      await loader.add(series, rows, signal);
      return rows.length;
    }, source);
  }

  #loader(number: number, signal: AbortSignal): Promise<Loader> {
    let loader = this.#loaders.get(number);
    if (loader === undefined) {
      loader = this.#layout
        .loader(number, this.#loaderRecords, signal)
        .then((record) => new Loader(this.#writer, record));
      loader.catch(() => this.#loaders.delete(number));
      this.#loaders.set(number, loader);
    }
    return loader;
  }

  async apply(part: LanePart, signal: AbortSignal): Promise<Written> {
    const [written] = await this.applyGroup([part], signal);
    return written as Written;
  }

  async applyGroup(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]> {
    return this.#inOneStep(parts, signal, (...step) => writeParts(this.#writer, ...step));
  }

  async rewriteConflicts(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]> {
    return this.#inOneStep(parts, signal, (...step) => this.#conflictRewrite.apply(...step));
  }

  #inOneStep(
    parts: readonly LanePart[],
    signal: AbortSignal,
    write: (shares: LaneShares, targets: Targets, limit: AbortSignal) => Promise<boolean>,
  ): Promise<readonly Written[]> {
    return classified(async () => {
      const [first, ...more] = parts.map((part): LaneShare => {
        const lane = this.#lanes.get(part.lane);
        if (lane === undefined) throw new RangeError('the layout in force has no such lane');
        return { lane, part };
      });
      if (first === undefined) return [];
      const shares: LaneShares = [first, ...more];
      const targets = await this.#targets(parts, signal);
      const fresh = await inTime(
        first.part.withinMs,
        signal,
        (limit) => write(shares, targets, limit),
        (limit) => undone(this.#writer, shares, limit),
      );
      return parts.map((part) => ({ fresh, deadLetters: deadLettersOf(this.options.stream, part) }));
    });
  }

  async behind(limit: number, signal: AbortSignal): Promise<readonly DeadLetterKey[]> {
    return classified(() => this.options.deadLetters.behind(this.options.stream, limit, signal));
  }

  async #targets(parts: readonly LanePart[], signal: AbortSignal): Promise<Targets> {
    const targets = new Map<Namespace, Target>();
    for (const { changes, pastOverlap, rejected = [] } of parts) {
      const refused = rejected.map(({ change }) => change);
      for (const { namespace } of [...changes, ...refused])
        if (!targets.has(namespace))
          targets.set(
            namespace,
            this.#namespaces.known(namespace) ?? (await this.#namespaces.target(namespace, pastOverlap, signal)),
          );
    }
    return targets;
  }

  async begin(position: Position, signal: AbortSignal): Promise<void> {
    const { store, stream } = this.options;
    await classified(() =>
      this.#fence.transaction(
        { $set: { lowWater: storePosition(position), barrier: null }, $inc: { sequence: 1 } },
        (session) =>
          store.ledger.updateMany(
            { ...belongsTo(stream), kind: 'lane' },
            { $set: { position: null, aheadUntil: null } },
            { session },
          ),
        signal,
      ),
    );
  }

  async advance(position: Position, signal: AbortSignal): Promise<Advanced> {
    const update = { $set: { lowWater: storePosition(position) }, $inc: { sequence: 1 } };
    return classified(async () => {
      const { repairs = 0, sequence } = await this.#fence.updated(update, signal);
      return { repairs, sequence };
    });
  }

  async alter(change: SchemaChange, position: Position, signal: AbortSignal): Promise<void> {
    await classified(() => this.#alterations.alter(change, position, signal), change.namespace);
  }

  async derive(derived: Derived, signal: AbortSignal): Promise<readonly Finding[]> {
    return classified(() => this.#views.reconcile(derived, signal));
  }

  async leftOver(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<readonly Finding[]> {
    const { client, rename } = this.options;
    const targets = [...namespaces.map(({ name }) => rename(name)), ...this.#views.targets];
    return classified(() => leftOver(client, this.#namespaces.all(), targets, signal));
  }

  derives(change: SchemaChange): boolean {
    return this.#views.concerns(change);
  }

  inexpressible(change: SchemaChange): string | null {
    return inexpressible(change);
  }

  async build(pastOverlap: () => boolean, signal: AbortSignal): Promise<void> {
    if (this.options.buildIndexes) await this.#builds.run(pastOverlap, signal);
  }

  get isBuilding(): boolean {
    return this.#builds.isUnderWay;
  }

  wholeOrder(namespace: Namespace): boolean {
    return this.#namespaces.get(namespace)?.wholeOrder === true;
  }

  holds(namespace: Namespace): boolean {
    const record = this.#namespaces.get(namespace);
    return record?.identity != null && !record.partial;
  }

  async layout(lanes: number, readAheadLimit: Position | null, signal: AbortSignal): Promise<readonly LaneRecord[]> {
    return classified(async () => this.#open(await this.#layout.change(lanes, readAheadLimit, signal), lanes));
  }

  async repairs(limit: number, signal: AbortSignal): Promise<readonly RepairRequest[]> {
    return classified(() => openRepairs(this.options.store, this.options.stream, limit, signal));
  }

  async ask(asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
    await classified(() => askRepairs(this.options.store, this.options.stream, asks, signal));
  }

  async repaired(ids: readonly string[], signal: AbortSignal): Promise<void> {
    if (ids.length === 0) return;
    await classified(async () => {
      await this.#fence.check(signal);
      await closeRepairs(this.options.store, ids, signal);
    });
  }

  async index(
    namespaces: readonly SourceNamespace[],
    report: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.options.buildIndexes) return;
    const ours = namespaces.filter(({ name }) => !this.#namespaces.isForeign({ target: this.options.rename(name) }));
    await classified(() => this.#indexes.build(ours, report, signal));
    this.#builds.look();
  }

  async convert(
    namespaces: readonly SourceNamespace[],
    absent: Absent,
    signal: AbortSignal,
  ): Promise<readonly Finding[]> {
    if (!this.options.createOptions) return [];
    return classified(async () => {
      await this.#namespaces.own(namesOf(namespaces), signal);
      return this.#capped.convert(namespaces, absent, signal);
    });
  }

  async finalize(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<readonly Finding[]> {
    if (!this.options.buildIndexes) return [];
    return classified(async () => {
      await this.#namespaces.own(namesOf(namespaces), signal);
      return this.#indexes.finalize(namespaces, this.#replaced, signal);
    });
  }

  async release(signal: AbortSignal): Promise<void> {
    await classified(() => this.#owners.releaseAll(signal));
  }

  close(): void {
    this.#fence.session.close();
    for (const lane of this.#lanes.values()) lane.close();
    for (const loader of this.#loaders.values()) loader.then((opened) => opened.close()).catch(() => undefined);
  }
}

const namesOf = (namespaces: readonly SourceNamespace[]): readonly Namespace[] => namespaces.map(({ name }) => name);

const emptyLedger = (epoch: number): Ledger => ({
  epoch,
  lowWater: null,
  sequence: 0,
  lanes: [],
  barrier: null,
  ranges: [],
  replaced: [],
  known: [],
  unfollowed: [],
  parked: [],
});
