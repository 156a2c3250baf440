import type { MongoClient, UUID } from 'mongodb';
import { codeOf } from '../../errors';
import type { SchemaChange } from '../../../../core/model/change';
import type { Log } from '../../../../core/ports/connector';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import type { Position } from '../../../../core/model/position';
import type { Builds } from '../indexes/builds';
import { MISMATCH, runDdl, type Identities } from './ddl';
import type { Fence } from '../ledger/fence';
import type { DeadLetters } from '../ledger/dead-letters';
import type { Namespaces } from './namespaces';
import { renameRepairs } from '../ledger/repairs';
import { samePosition, storePosition, type NamespaceDocument, type StoredBarrier } from '../ledger/records';
import type { Reshaping } from './reshape';
import { present } from './targets';
import type { Views } from './views';

/** What a record says of a target that is no more. */
const GONE = {
  identity: null,
  partial: false,
  held: [],
  pending: [],
  made: false,
  origin: null,
  capped: false,
} as const;

/** Applies schema changes: the intent first, then the change, then the identities. Any of it may be run again after a crash. */
export class Alterations {
  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly identities: Identities,
    private readonly reshaping: Reshaping,
    private readonly builds: Builds,
    private readonly letters: DeadLetters,
    private readonly views: Views,
    private readonly log: Log,
  ) {}

  async alter(change: SchemaChange, position: Position, signal: AbortSignal): Promise<void> {
    const at = storePosition(position);
    const { barrier } = await this.fence.record(signal);
    if (barrier?.state === 'done' && samePosition(barrier.position, at)) return;
    // Of what an attempt that was cut short has dropped, the records no longer tell.
    const begun = barrier && samePosition(barrier.position, at) ? barrier.touches : [];
    const touches = [...new Set([...begun, ...this.#touches(change)])];
    const intent: StoredBarrier = { position: at, state: 'intent', touches };
    await this.fence.update({ $set: { barrier: intent } }, signal);
    await this.builds.exclusively(() => this.#run(change, signal));
    await this.#followRows(change, intent.touches, signal);
    await this.fence.update({ $set: { barrier: { ...intent, state: 'done' } } }, signal);
  }

  #touches({ op, namespace, to }: SchemaChange): Namespace[] {
    switch (op) {
      case 'drop_database':
        return this.#inDatabase(namespace).map(({ source }) => source);
      case 'rename':
        return to === undefined ? [namespace] : [namespace, to];
      case 'create':
      case 'drop':
      case 'renamed_out':
        return [namespace];
      case 'create_indexes':
      case 'drop_indexes':
      case 'modify':
      case 'derive':
      case 'renamed_in':
      case 'other':
        return [];
    }
  }

  /** Dead letters and requests for fresh copies name rows by namespace and key: after a rename, by the new namespace. */
  async #followRows(
    { op, namespace, to }: SchemaChange,
    touched: readonly Namespace[],
    signal: AbortSignal,
  ): Promise<void> {
    const { stream } = this.fence;
    if (op === 'drop' || op === 'drop_database') await this.letters.supersedeAll(stream, touched, signal);
    if (op !== 'rename' || to === undefined) return;
    await this.letters.rename(stream, namespace, { namespace: to, target: this.namespaces.nameOf(to) }, signal);
    await renameRepairs(this.fence.store, stream, { from: namespace, to }, signal);
  }

  async #run(change: SchemaChange, signal: AbortSignal): Promise<void> {
    await this.#reshape(change, signal);
    if (change.derived === undefined) return;
    for (const { code, namespace } of await this.views.reconcile(change.derived, signal))
      this.log('warn', 'derived_left', { code, namespace });
  }

  async #reshape(change: SchemaChange, signal: AbortSignal): Promise<void> {
    const goes = change.op === 'drop' || change.op === 'drop_database' || change.op === 'rename';
    if (goes) await this.builds.halt(this.#touches(change), signal);
    switch (change.op) {
      case 'create':
        await this.#create(change, signal);
        return;
      case 'drop':
        await this.#drop([change.namespace], signal);
        return;
      case 'drop_database':
        await this.#drop(
          this.#inDatabase(change.namespace).map(({ source }) => source),
          signal,
        );
        return;
      case 'rename':
        if (change.to !== undefined) await this.#rename(change.namespace, change.to, signal);
        return;
      case 'renamed_out':
        await this.#keep(change.namespace, signal);
        return;
      case 'create_indexes':
      case 'drop_indexes':
      case 'modify':
        if (this.namespaces.get(change.namespace)?.identity != null)
          await this.namespaces.own([change.namespace], signal);
        await this.reshaping.run(change, signal);
        return;
      // A copy, which the stream decides; it comes back as one of the others.
      case 'renamed_in':
      case 'derive':
      case 'other':
    }
  }

  #inDatabase(name: Namespace): NamespaceDocument[] {
    const { database } = splitNamespace(name);
    return this.namespaces
      .all()
      .filter(({ source, identity }) => identity !== null && splitNamespace(source).database === database);
  }

  /** The copy may have made it already, when the change lies in its overlap. */
  async #create({ namespace, options }: SchemaChange, signal: AbortSignal): Promise<void> {
    const known = this.namespaces.get(namespace);
    if (known?.identity != null && (await this.#present(known.target, signal))?.identity === known.identity) return;
    await this.namespaces.enter(namespace, { options }, signal);
  }

  async #drop(sources: readonly Namespace[], signal: AbortSignal): Promise<void> {
    for (const source of sources) {
      const known = this.namespaces.get(source);
      if (known?.identity == null || this.namespaces.isForeign(known)) continue;
      const { database, collection } = splitNamespace(known.target);
      await this.#asRecorded(known, signal, (guard) =>
        runDdl(this.client, database, { drop: collection, ...guard }, signal),
      );
    }
    const gone = sources.flatMap((source) => {
      const known = this.namespaces.get(source);
      return known === undefined ? [] : [{ ...known, ...GONE }];
    });
    await this.namespaces.saveReleased(gone, [], signal);
  }

  async #rename(source: Namespace, to: Namespace, signal: AbortSignal): Promise<void> {
    const known = this.namespaces.get(source);
    // Renamed before the copy began: the copy has found it under its new name.
    if (known?.identity == null) return;
    const occupied = this.namespaces.get(to);
    if (known.partial && occupied?.identity != null && !occupied.partial) return this.#drop([source], signal);

    await this.namespaces.own([source, to], signal);
    const target = this.namespaces.nameOf(to);
    // Another collection under the old name: the rename was done before a crash, and the name is taken anew.
    if (target !== known.target && (await this.#present(known.target, signal))?.identity === known.identity)
      await this.#asRecorded(known, signal, (guard) =>
        runDdl(
          this.client,
          'admin',
          { renameCollection: known.target, to: target, dropTarget: true, ...guard },
          signal,
        ),
      );
    const now = await this.#present(target, signal);
    // Gone from both names: another program dropped it. The next claim finds that and copies the namespace anew.
    if (now === undefined) return;
    await this.namespaces.saveReleased(
      [{ ...known, ...GONE }],
      [{ ...known, ...this.namespaces.named(to), identity: now.identity, origin: null }],
      signal,
    );
  }

  /** What is left behind is no longer the stream's own; it is remembered, so that nothing else is written into it. */
  async #keep(source: Namespace, signal: AbortSignal): Promise<void> {
    const known = this.namespaces.get(source);
    if (known?.identity == null) return;
    await this.namespaces.saveReleased([{ ...known, ...GONE, kept: known.identity }], [], signal);
  }

  async #present(target: Namespace, signal: AbortSignal) {
    return (await present(this.client, [target], signal)).get(target);
  }

  /** Another collection than the recorded one, and one that is gone, is left alone. */
  async #asRecorded(
    known: NamespaceDocument,
    signal: AbortSignal,
    run: (guard: { readonly collectionUUID?: UUID }) => Promise<unknown>,
  ): Promise<void> {
    try {
      await run(await this.identities.guard(known.identity, signal));
    } catch (error) {
      const code = codeOf(error);
      if (code !== 26 && code !== MISMATCH) throw error;
      if (code === MISMATCH) this.log('warn', 'schema_change_skipped', { namespace: known.source });
    }
  }
}
