import { Binary, type MongoClient } from 'mongodb';
import { RawDocument } from '../../../../formats/bson/raw-document';
import { sameCollation } from '../../schema/collation';
import { classify, isPassing } from '../../errors';
import { Apart, inOrder, readView, renamedView, sameView, sourcesOf, viewOptions, type View } from '../../schema/view';
import type { SchemaChange } from '../../../../core/model/change';
import { ownedFinding } from '../../../../core/failures/target-owned';
import type { Log } from '../../../../core/ports/connector';
import type { Finding } from '../../../../core/model/finding';
import { splitNamespace, type Derived, type Namespace } from '../../../../core/model/namespace';
import { runDdl, sendable } from './ddl';
import type { Fence } from '../ledger/fence';
import type { Owners } from '../ledger/owners';
import { namespaceId, type ViewDocument } from '../ledger/records';
import { dropCollection, present, type Present } from './targets';
import { foreignView, notAView, unmappedView, viewRefused, viewStays } from './view-findings';

export interface ViewsOptions {
  readonly client: MongoClient;
  readonly fence: Fence;
  readonly rename: (source: Namespace) => Namespace;
  /** Whether a collection at this name is the stream's own: its drop is still to come. */
  readonly isTarget: (target: Namespace, identity: string) => boolean;
  readonly owners: Owners;
  readonly log: Log;
}

/** One view on its way to the destination. */
interface Wanted {
  readonly source: Namespace;
  readonly target: Namespace;
  /** Under the names of the destination. */
  readonly view: View;
}

/**
 * Views of the source at the destination. What the source has now is compared with what is there, so it does not matter
 * which events told of it, and doing it twice is doing it once. A view is the stream's own where its definition is the
 * recorded one; every other is left alone.
 */
export class Views {
  readonly #records = new Map<Namespace, ViewDocument>();

  constructor(private readonly options: ViewsOptions) {}

  async load(signal: AbortSignal): Promise<void> {
    const { fence, owners } = this.options;
    const records = await fence.store.viewsOf(fence.stream, signal);
    await owners.takeRest(records, signal);
    for (const record of records) this.#records.set(record.source, record);
  }

  /** Where the stream has views. */
  get targets(): readonly Namespace[] {
    return [...this.#records.values()].map(({ target }) => target);
  }

  concerns({ op, namespace }: SchemaChange): boolean {
    if (op !== 'drop_database') return this.#records.has(namespace);
    const { database } = splitNamespace(namespace);
    return [...this.#records.keys()].some((name) => splitNamespace(name).database === database);
  }

  async reconcile({ list, covers }: Derived, signal: AbortSignal): Promise<Finding[]> {
    const findings: Finding[] = [];
    const wanted = new Map<Namespace, Wanted>();
    for (const { name, options } of list) {
      const view = readView(RawDocument.from(options));
      if (view === null) continue;
      const renamed = this.#renamed(name, view);
      if ('code' in renamed) findings.push(renamed);
      else wanted.set(renamed.target, renamed);
    }
    const kept = new Set([...wanted.values()].map(({ source }) => source));
    const gone = [...this.#records.values()].filter(
      ({ source, target }) => covers(source) && !(kept.has(source) && wanted.has(target)),
    );
    const there = await this.#present([...gone.map(({ target }) => target), ...wanted.keys()], signal);
    for (const record of gone) {
      const finding = await this.#drop(record, there.get(record.target), signal);
      if (finding !== null) findings.push(finding);
    }
    for (const each of inOrder(wanted, ({ target, view }) => sourcesOf(view, target))) {
      const finding = await this.#make(each, there.get(each.target), signal);
      if (finding !== null) findings.push(finding);
    }
    return findings;
  }

  /** Takes a view of the stream out of the way of rows; the next look makes it anew, should the source still have it. */
  async giveWay(now: Present, signal: AbortSignal): Promise<boolean> {
    const record = [...this.#records.values()].find(({ target }) => target === now.name);
    if (record === undefined || !isOwn(record, now)) return false;
    // The target stays the stream's.
    await this.#remove(record, now, signal);
    return true;
  }

  #renamed(source: Namespace, view: View): Wanted | Finding {
    const { rename } = this.options;
    try {
      return { source, target: rename(source), view: renamedView(view, source, rename) };
    } catch (error) {
      if (error instanceof Apart) return unmappedView(source, error.of);
      throw error;
    }
  }

  async #make(wanted: Wanted, now: Present | undefined, signal: AbortSignal): Promise<Finding | null> {
    const { source, target, view } = wanted;
    const { isTarget, log, owners } = this.options;
    const [owned] = await owners.take([{ source, target }], signal);
    if (owned !== undefined) return { ...ownedFinding(owned), severity: 'warning' };
    const record = this.#records.get(source);
    const current = now && readView(now.options);
    if (now !== undefined && current === null)
      return isTarget(target, now.identity) ? null : notAView(source, target, now.type);
    if (current != null) {
      if (sameView(current, view) || (record !== undefined && isDone(record, view, current))) {
        if (record === undefined || !isDone(record, view, current)) await this.#save(wanted, current, signal);
        return null;
      }
      if (record === undefined || !isOwn(record, now)) return foreignView(source, target);
    }
    try {
      // Before it is done: what is there after a crash is known to be the stream's.
      await this.#save(wanted, null, signal);
      await this.options.fence.check(signal);
      await this.#define(wanted, current ?? null, signal);
      await this.#save(wanted, await this.#defined(target, signal), signal);
      log('info', 'view_made', { namespace: source });
      return null;
    } catch (error) {
      const failure = classify(error, { role: 'destination', namespace: source });
      // It may have been done all the same.
      if (isPassing(failure)) throw failure;
      // What a person then makes by hand is not the stream's.
      await this.#record(source, record, signal, record === undefined ? [target] : []);
      return viewRefused(source, failure.code, failure.message);
    }
  }

  /** One command where the server can; else the view is away for a moment. */
  async #define({ target, view }: Wanted, current: View | null, signal: AbortSignal): Promise<void> {
    const { client } = this.options;
    const { database, collection } = splitNamespace(target);
    const { viewOn, pipeline, ...collation } = Object.fromEntries(sendable(viewOptions(view), target));
    if (current !== null) {
      if (sameCollation(current.collation, view.collation)) {
        await runDdl(client, database, { collMod: collection, viewOn, pipeline }, signal);
        const now = await this.#defined(target, signal);
        // Some servers answer `ok` and change nothing.
        if (now === null || !sameView(now, current)) return;
      }
      await dropCollection(client, target, {}, signal);
    }
    await runDdl(client, database, { create: collection, viewOn, pipeline, ...collation }, signal);
  }

  async #defined(target: Namespace, signal: AbortSignal): Promise<View | null> {
    const now = (await this.#present([target], signal)).get(target);
    return now === undefined ? null : readView(now.options);
  }

  #present(targets: readonly Namespace[], signal: AbortSignal): Promise<Map<Namespace, Present>> {
    return present(this.options.client, targets, signal);
  }

  async #remove(
    record: ViewDocument,
    now: Present | undefined,
    signal: AbortSignal,
    released: readonly Namespace[] = [],
  ): Promise<void> {
    const { client, fence, log, owners } = this.options;
    const { source, target } = record;
    if (now !== undefined && isOwn(record, now) && !owners.isForeign(target)) {
      await fence.check(signal);
      await dropCollection(client, target, {}, signal);
      log('info', 'view_dropped', { namespace: source });
    }
    await this.#record(source, undefined, signal, released);
  }

  /** A view that cannot be dropped holds up no rows; it stays recorded, and the next look tries again. */
  async #drop(record: ViewDocument, now: Present | undefined, signal: AbortSignal): Promise<Finding | null> {
    try {
      const isRows = now !== undefined && this.options.isTarget(record.target, now.identity);
      await this.#remove(record, now, signal, isRows ? [] : [record.target]);
      return null;
    } catch (error) {
      const failure = classify(error, { role: 'destination', namespace: record.source });
      if (isPassing(failure)) throw failure;
      return viewStays(record.source, record.target, `${failure.code}: ${failure.message}`);
    }
  }

  async #save({ source, target, view }: Wanted, listed: View | null, signal: AbortSignal): Promise<void> {
    const { stream } = this.options.fence;
    const record: ViewDocument = {
      _id: namespaceId(stream, source),
      stream,
      source,
      target,
      asked: new Binary(viewOptions(view).bytes),
      listed: listed && new Binary(viewOptions(listed).bytes),
    };
    await this.#record(source, record, signal);
  }

  /** `released`: targets that are free for another stream from here on. */
  async #record(
    source: Namespace,
    record: ViewDocument | undefined,
    signal: AbortSignal,
    released: readonly Namespace[] = [],
  ): Promise<void> {
    const { fence, owners } = this.options;
    const { views } = fence.store;
    const _id = namespaceId(fence.stream, source);
    await fence.transaction(
      { $set: { checked: new Date() } },
      async (session) => {
        if (record === undefined) await views.deleteOne({ _id }, { session });
        else await views.replaceOne({ _id }, record, { upsert: true, session });
        if (released.length > 0) await owners.release(released, session);
      },
      signal,
    );
    owners.released(released);
    if (record === undefined) this.#records.delete(source);
    else this.#records.set(source, record);
  }
}

const recorded = (bytes: Binary | null): View | null =>
  bytes === null ? null : readView(RawDocument.from(bytes.buffer));

/** Whether what is there is what the stream has made, or was about to make. */
function isOwn({ asked, listed }: ViewDocument, now: Present | undefined): boolean {
  const current = now && readView(now.options);
  if (current == null) return false;
  if (listed === null) return true;
  return [asked, listed].some((bytes) => {
    const own = recorded(bytes);
    return own !== null && sameView(own, current);
  });
}

/** Whether what is there is what this view was made into: a server may list it in other words. */
function isDone({ asked, listed }: ViewDocument, view: View, current: View): boolean {
  const [before, now] = [recorded(asked), recorded(listed)];
  return before !== null && now !== null && sameView(before, view) && sameView(now, current);
}
