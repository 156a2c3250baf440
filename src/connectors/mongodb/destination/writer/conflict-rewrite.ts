import type { ClientSession } from 'mongodb';
import { idDocument, keyOf } from '../../../../formats/bson/key';
import { codeOf } from '../../errors';
import { queryId, questions } from '../../driver/keys';
import { Replacement, type Change, type EncodedRow } from '../../../../core/model/change';
import { deltaMissed } from '../../../../core/model/errors';
import { namespace as joined, splitNamespace, type Namespace } from '../../../../core/model/namespace';
import { compose, type Statements } from './compose';
import { inOneStep, type LaneShare, type LaneShares, type WriterOptions } from './lane';
import { runCommand } from './run';
import { targetOf, type Target, type Targets } from '../schema/targets';

/**
 * Parts of several lanes in one transaction over all of their records, as the final states of their rows: the old states
 * leave before the new ones come, so that a value may move between rows of different lanes. Where deltas end is found out
 * by the server itself, in a collection without unique indexes that is empty again when the transaction ends.
 */
export class ConflictRewrite {
  readonly #scratch: Namespace;
  #made: Promise<void> | null = null;

  constructor(
    private readonly options: WriterOptions,
    ledgerDatabase: string,
  ) {
    this.#scratch = joined(ledgerDatabase, 'together');
  }

  /** False when the ledger shows that these parts were written before. */
  async apply(shares: LaneShares, targets: Targets, signal: AbortSignal): Promise<boolean> {
    await this.#ready(signal);
    return inOneStep(this.options, shares, targets, signal, async (session) => {
      const finals: Change[] = [];
      for (const [namespace, changes] of byNamespace(shares))
        finals.push(...(await this.#finals(namespace, changes, targetOf(targets, namespace), session, signal)));
      await this.#send(
        compose(finals, 'exact', () => false),
        (name) => targetOf(targets, name),
        session,
        signal,
      );
    });
  }

  /** What each row ends as: a full state or a delete. */
  async #finals(
    namespace: Namespace,
    changes: readonly Change[],
    target: Target,
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<readonly Change[]> {
    const deltas = changes.filter((change) => change.op === 'update');
    if (deltas.length === 0) return changes;
    const moving = new Map(deltas.map((change) => [change.key.id, change]));
    const bases = new Map(changes.flatMap((change) => ('row' in change ? [[change.key.id, change.row] as const] : [])));
    const unread = [...moving.values()].filter(({ key }) => !bases.has(key.id));
    for (const [id, row] of await this.#read(target.name, unread, session, signal)) bases.set(id, row);
    const begun = [...moving].map(([id, change]) => {
      const row = bases.get(id);
      if (row === undefined) throw deltaMissed(namespace);
      return new Replacement(change, row);
    });
    const scratch = { source: namespace, name: this.#scratch, validated: false, wholeOrder: false };
    const steps = compose([...begun, ...deltas], 'exact', () => false);
    await this.#send(steps, () => scratch, session, signal);
    const ended = await this.#read(this.#scratch, begun, session, signal);
    await this.#empty(session, signal);
    return [
      ...changes.filter(({ key }) => !moving.has(key.id)),
      ...begun.map((change) => new Replacement(change, ended.get(change.key.id) ?? change.row)),
    ];
  }

  async #send(
    statements: readonly Statements[],
    target: (namespace: Namespace) => Target,
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<void> {
    for (const { verb, namespace, documents, owners } of statements)
      await runCommand(
        this.options.store.client,
        { verb, target: target(namespace), documents, owners },
        session,
        signal,
      );
  }

  async #read(
    from: Namespace,
    changes: readonly Change[],
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, EncodedRow>> {
    const { database, collection } = splitNamespace(from);
    const rows = new Map<string, EncodedRow>();
    for (const asked of questions(changes, ({ key }) => key.bytes)) {
      const $in = asked.map(({ key, namespace }) => queryId(key.bytes, namespace));
      const found = await this.options.store.client
        .db(database)
        .collection(collection)
        .find({ _id: { $in } } as object, { raw: true, session, signal, batchSize: asked.length + 1 })
        .toArray();
      for (const row of found as unknown as Buffer[]) {
        const key = idDocument(row);
        if (key) rows.set(keyOf(key).id, row);
      }
    }
    return rows;
  }

  async #empty(session: ClientSession, signal: AbortSignal): Promise<void> {
    const { database, collection } = splitNamespace(this.#scratch);
    const command = { delete: collection, deletes: [{ q: {}, limit: 0 }] };
    await this.options.store.client.db(database).command(command, { session, signal });
  }

  #ready(signal: AbortSignal): Promise<void> {
    const { database, collection } = splitNamespace(this.#scratch);
    this.#made ??= this.options.store.client
      .db(database)
      .command({ create: collection }, { signal })
      .then(
        () => undefined,
        (error: unknown) => {
          if (codeOf(error) === 48) return;
          this.#made = null;
          throw error;
        },
      );
    return this.#made;
  }
}

function byNamespace(shares: readonly LaneShare[]): ReadonlyMap<Namespace, readonly Change[]> {
  const all = new Map<Namespace, Change[]>();
  for (const change of shares.flatMap(({ part }) => part.changes)) {
    const own = all.get(change.namespace);
    if (own) own.push(change);
    else all.set(change.namespace, [change]);
  }
  return all;
}
