import { createHash } from 'node:crypto';
import { Binary, type ClientSession, type Collection, type Document } from 'mongodb';
import { keyOf } from '../../../../formats/bson/key';
import { abortable } from '../../../../core/async/abortable';
import { codeOf } from '../../errors';
import type { Change } from '../../../../core/model/change';
import type { RejectedChange } from '../../../../core/ports/destination';
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterKey,
  DeadLetterState,
  DeadLetterSummary,
} from '../../../../core/model/dead-letter';
import { splitNamespace, type Namespace } from '../../../../core/model/namespace';
import type { Position } from '../../../../core/model/position';
import { readPosition, storePosition, type StoredPosition } from './records';
import type { Store } from './store';

/** Where a ledger database keeps dead letters unless the stream says otherwise. */
export const DEFAULT_DEAD_LETTERS = 'dead_letters';

/** A rejected change, as it is kept. */
interface DeadLetterDocument {
  readonly _id: string;
  readonly stream: string;
  readonly namespace: Namespace;
  readonly target: Namespace;
  readonly key: Binary;
  readonly keyHash: number;
  readonly op: Change['op'];
  readonly row?: Binary | null;
  readonly delta?: Binary | null;
  readonly position: StoredPosition;
  readonly sourceTime: Date;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
  readonly state: DeadLetterState;
  readonly kept: boolean;
}

/** The rows of these are behind the source. */
const BEHIND: readonly DeadLetterState[] = ['open', 'dropped'];

/** The same for the same rejected change: writing it twice is writing it once. The key's identity may be long, and is data. */
export const deadLetterId = (stream: string, { namespace, key }: Change, position: Position): string =>
  createHash('sha256')
    .update(JSON.stringify([stream, namespace, position]))
    .update(key.id, 'latin1')
    .digest('hex')
    .slice(0, 32);

/** Rejected changes, in a collection that no stream copies. */
export class DeadLetters {
  readonly documents: Collection<DeadLetterDocument>;
  #made: Promise<void> | null = null;

  constructor(
    private readonly store: Store,
    private readonly at: Namespace,
  ) {
    const { database, collection } = splitNamespace(at);
    this.documents = store.client
      .db(database, { writeConcern: { w: 'majority', journal: true }, readPreference: 'primary' })
      .collection(collection);
  }

  /** The collection has to be there before a transaction writes to it. */
  ready(signal: AbortSignal): Promise<void> {
    this.#made ??= this.#make(signal).catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  async #make(signal: AbortSignal): Promise<void> {
    const { database, collection } = splitNamespace(this.at);
    const db = this.store.client.db(database);
    await db.command({ create: collection }, { signal }).catch((error: unknown) => {
      if (codeOf(error) !== 48) throw error;
    });
    await abortable(this.documents.createIndex({ stream: 1, state: 1 }), signal);
  }

  /** Inside the transaction that passes the changes. */
  async write(
    stream: string,
    rejected: readonly RejectedChange[],
    target: (namespace: Namespace) => Namespace,
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<void> {
    const now = new Date();
    for (const refusal of rejected) {
      const { change, code, message, attempts, kept } = refusal;
      const { row = null, delta = null } = kept ? bodyOf(change) : {};
      const written = this.documents.updateOne(
        { _id: refusal.deadLetter ?? deadLetterId(stream, change, change.position) },
        {
          $setOnInsert: {
            stream,
            namespace: change.namespace,
            target: target(change.namespace),
            key: new Binary(change.key.bytes),
            keyHash: change.key.hash,
            position: storePosition(change.position),
            firstAt: now,
          },
          $set: {
            op: change.op,
            row,
            delta,
            kept,
            code,
            message,
            sourceTime: new Date(change.sourceTimeMs),
            lastAt: now,
            state: 'open',
          },
          $inc: { attempts },
        },
        { upsert: true, session },
      );
      await abortable(written, signal);
    }
  }

  /** Inside the transaction that writes full states of their rows. */
  async supersede(ids: readonly string[], session: ClientSession, signal: AbortSignal): Promise<void> {
    const written = this.documents.updateMany(
      { _id: { $in: [...ids] }, state: { $in: [...BEHIND] } },
      { $set: { state: 'superseded', lastAt: new Date() } },
      { session },
    );
    await abortable(written, signal);
  }

  /** Nothing of these namespaces is behind any more: they are gone, or are copied anew. */
  async supersedeAll(stream: string, namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    const filter = { stream, namespace: { $in: [...namespaces] }, state: { $in: [...BEHIND] } };
    await abortable(this.documents.updateMany(filter, { $set: { state: 'superseded', lastAt: new Date() } }), signal);
  }

  /** The rows of a namespace have another name now, at both sides. */
  async rename(
    stream: string,
    from: Namespace,
    to: { readonly namespace: Namespace; readonly target: Namespace },
    signal: AbortSignal,
  ): Promise<void> {
    const filter = { stream, namespace: from, state: { $in: [...BEHIND] } };
    await abortable(this.documents.updateMany(filter, { $set: to }), signal);
  }

  /** Rows whose state here is behind the source, at most `limit`. */
  async behind(stream: string, limit: number, signal: AbortSignal): Promise<readonly DeadLetterKey[]> {
    const found = await this.documents
      .find({ stream, state: { $in: [...BEHIND] } }, { signal, projection: { namespace: 1, key: 1 } })
      .limit(limit)
      .toArray();
    return found.map(readKey);
  }

  async list(filter: DeadLetterFilter, limit: number, signal: AbortSignal): Promise<readonly DeadLetterSummary[]> {
    const found = await this.documents
      .find(queryOf(filter), { signal, projection: { key: 0, row: 0, delta: 0 } })
      .sort({ firstAt: 1, _id: 1 })
      .limit(limit)
      .toArray();
    return found.map(summaryOf);
  }

  async one(stream: string, id: string, signal: AbortSignal): Promise<DeadLetter | null> {
    const found = await this.documents.findOne({ _id: id, stream }, { signal });
    if (found === null) return null;
    return {
      ...summaryOf(found),
      key: bytesOf(found.key),
      row: found.row ? bytesOf(found.row) : null,
      delta: found.delta ? bytesOf(found.delta) : null,
    };
  }

  async *keys(filter: DeadLetterFilter, signal: AbortSignal): AsyncGenerator<DeadLetterKey> {
    const cursor = this.documents
      .find(queryOf(filter), { signal, projection: { namespace: 1, key: 1 } })
      .sort({ firstAt: 1, _id: 1 });
    for await (const document of cursor) yield readKey(document);
  }

  async count(stream: string, signal: AbortSignal): Promise<number> {
    return this.documents.countDocuments({ stream }, { signal });
  }

  /** Only open ones: the row of a superseded one was written already. */
  async drop(filter: DeadLetterFilter, signal: AbortSignal): Promise<number> {
    const query = { $and: [queryOf(filter), { state: 'open' }] };
    const update = { $set: { state: 'dropped' as const, lastAt: new Date() } };
    return (await abortable(this.documents.updateMany(query, update), signal)).modifiedCount;
  }
}

function bodyOf(change: Change): { readonly row?: Binary; readonly delta?: Binary } {
  switch (change.op) {
    case 'insert':
    case 'replace':
      return { row: new Binary(change.row) };
    case 'update':
      return { delta: new Binary(change.delta) };
    case 'delete':
      return {};
  }
}

const bytesOf = (binary: Binary): Buffer => Buffer.from(binary.value());

const queryOf = ({ stream, namespace, code, state, ids }: DeadLetterFilter): Document => ({
  stream,
  ...(namespace !== undefined && { namespace }),
  ...(code !== undefined && { code }),
  ...(state !== undefined && { state }),
  ...(ids !== undefined && { _id: { $in: ids } }),
});

const readKey = ({ _id, namespace, key }: Pick<DeadLetterDocument, '_id' | 'namespace' | 'key'>): DeadLetterKey => ({
  deadLetter: _id,
  namespace,
  key: keyOf(bytesOf(key)),
});

const summaryOf = (found: DeadLetterDocument): DeadLetterSummary => ({
  id: found._id,
  stream: found.stream,
  namespace: found.namespace,
  target: found.target,
  keyHash: found.keyHash,
  op: found.op,
  code: found.code,
  message: found.message,
  attempts: found.attempts,
  position: readPosition(found.position) as Position,
  sourceTime: found.sourceTime,
  firstAt: found.firstAt,
  lastAt: found.lastAt,
  state: found.state,
  kept: found.kept,
});
