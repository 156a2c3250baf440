import {
  BSON,
  WriteConcern,
  type Binary,
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  type Filter,
  type MongoClient,
} from 'mongodb';
import type { Namespace } from '../../../../core/model/namespace';
import { abortable } from '../../../../core/async/abortable';
import { codeOf } from '../../errors';
import {
  belongsTo,
  type ForgottenDocument,
  laneId,
  newSessionId,
  type LaneDocument,
  type LoaderDocument,
  type NamespaceDocument,
  type OwnerDocument,
  type RangeDocument,
  type RepairDocument,
  type StreamDocument,
  type ViewDocument,
} from './records';
import type { VerificationDocument } from './verification-records';

/** How far a writer is, as its record has it. */
export interface Progress {
  readonly epoch: number;
  readonly sequence: number;
}

export interface Conditional {
  readonly filter: Document;
  readonly update: Document;
}

export type Counters = Pick<StreamDocument, 'sequence' | 'repairs'>;

/** Any of the collections below. */
export type Records = Collection<{ _id: string }>;

/** One of possibly several processes that remove the records of a stream; the last one to begin is the one that does. */
export interface Removal {
  readonly stream: string;
  readonly removal: Binary;
}

export type LedgerDocument = StreamDocument | LaneDocument | LoaderDocument;

/** Where records are kept, and nothing about when they may change: that is the claim's business. */
export class Store {
  readonly ledger: Collection<LedgerDocument>;
  readonly ranges: Collection<RangeDocument>;
  readonly namespaces: Collection<NamespaceDocument>;
  readonly owners: Collection<OwnerDocument>;
  readonly repairs: Collection<RepairDocument>;
  readonly verification: Collection<VerificationDocument>;
  /** The ledger again: a stream's own record, or what stays of one that was forgotten. */
  readonly #ownRecords: Collection<StreamDocument | ForgottenDocument>;
  readonly views: Collection<ViewDocument>;
  readonly #db: Db;

  constructor(
    readonly client: MongoClient,
    database: string,
  ) {
    this.#db = client.db(database, {
      writeConcern: { w: 'majority', journal: true },
      readPreference: 'primary',
    });
    this.ledger = this.#db.collection('ledger');
    this.#ownRecords = this.#db.collection('ledger');
    this.ranges = this.#db.collection('ranges');
    this.namespaces = this.#db.collection('namespaces');
    this.owners = this.#db.collection('owners');
    this.repairs = this.#db.collection('repairs');
    this.verification = this.#db.collection('verification');
    this.views = this.#db.collection('views');
  }

  async stream(stream: string, signal: AbortSignal): Promise<StreamDocument | null> {
    return (await this.ledger.findOne({ _id: stream, kind: 'stream' }, { signal })) as StreamDocument | null;
  }

  async forgotten(stream: string, signal: AbortSignal): Promise<ForgottenDocument | null> {
    const found = await this.#ownRecords.findOne({ _id: stream, kind: 'forgotten' }, { signal });
    return found as ForgottenDocument | null;
  }

  /** Records at an epoch below every claim that may come. Of two processes that create them at once, the second one changes nothing. */
  async create(stream: string, lanes: number, epoch: number, signal: AbortSignal): Promise<void> {
    for (const name of ['ledger', 'ranges', 'namespaces', 'views', 'owners']) await this.#create(name, signal);
    const record: StreamDocument = {
      _id: stream,
      kind: 'stream',
      stream,
      epoch,
      session: newSessionId(),
      lowWater: null,
      sequence: 0,
      lanes,
      loaders: 0,
      barrier: null,
    };
    // Where a stream of this id was forgotten, the new record takes the place of what stayed of it.
    const forgotten = { _id: stream, kind: 'forgotten', removing: false } as const;
    const { matchedCount } = await abortable(this.#ownRecords.replaceOne(forgotten, record), signal);
    if (matchedCount === 0) await this.ensure(record, signal);
  }

  /** A ledger of 0.1.0 does not have it. */
  async createOwners(signal: AbortSignal): Promise<void> {
    const found = await this.#db.listCollections({ name: 'owners' }, { nameOnly: true, signal }).toArray();
    if (found.length === 0) await this.#create('owners', signal);
  }

  async #create(name: string, signal: AbortSignal): Promise<void> {
    await this.#db.command({ create: name }, { signal }).catch((error: unknown) => {
      if (codeOf(error) !== 48) throw error;
    });
  }

  /** Turns the record of a stream, held at this epoch, into what stays of it; answers whether it was held. */
  async entomb(stream: string, epoch: number, removal: Binary, signal: AbortSignal): Promise<boolean> {
    const held = { _id: stream, kind: 'stream', epoch } as const;
    const tombstone = tombstoneOf(stream, epoch, removal);
    return (await abortable(this.#ownRecords.replaceOne(held, tombstone), signal)).matchedCount === 1;
  }

  /** Closes an id that has no stream, for this removal alone; answers whether it has none still. */
  async close(stream: string, removal: Binary, signal: AbortSignal): Promise<boolean> {
    const forgotten = { _id: stream, kind: 'forgotten' } as const;
    const mine = { $set: { removing: true, removal, at: new Date() } };
    if ((await abortable(this.#ownRecords.updateOne(forgotten, mine), signal)).matchedCount === 1) return true;
    try {
      await abortable(this.#ownRecords.insertOne(tombstoneOf(stream, 0, removal)), signal);
      return true;
    } catch (error) {
      if (codeOf(error) === 11000) return false;
      throw error;
    }
  }

  /** Removes records of a stream in one step with a read of whose removal it is; answers whether it is this one still. */
  remove(removal: Removal, records: Records, ids: readonly string[], signal: AbortSignal): Promise<boolean> {
    return this.removing(removal, (session) => records.deleteMany({ _id: { $in: [...ids] } }, { session }), signal);
  }

  /** The same for what is more than a delete. */
  async removing(
    { stream, removal }: Removal,
    body: (session: ClientSession) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const mine = { _id: stream, kind: 'forgotten' as const, removal };
    return this.client.withSession((session) =>
      session.withTransaction(
        async () => {
          signal.throwIfAborted();
          // A write, so that one that takes its place in the meantime is noticed.
          const { matchedCount } = await this.#ownRecords.updateOne(mine, { $set: { at: new Date() } }, { session });
          if (matchedCount === 1) await body(session);
          return matchedCount === 1;
        },
        { writeConcern: new WriteConcern('majority', undefined, true), readPreference: 'primary' },
      ),
    );
  }

  /** Nothing but the tombstone is left of the stream: its id may be used again. Answers whether it was this removal's still. */
  async bury({ stream, removal }: Removal, signal: AbortSignal): Promise<boolean> {
    const mine = { _id: stream, kind: 'forgotten' as const, removal };
    // Where there was no stream there is no epoch to keep.
    const { deletedCount } = await abortable(this.#ownRecords.deleteOne({ ...mine, epoch: 0 }), signal);
    if (deletedCount === 1) return true;
    const buried = { $set: { removing: false }, $unset: { removal: true as const } };
    return (await abortable(this.#ownRecords.updateOne(mine, buried), signal)).matchedCount === 1;
  }

  async ensure(record: LedgerDocument, signal: AbortSignal): Promise<void> {
    await abortable(this.ledger.insertOne(record), signal).catch((error: unknown) => {
      if (codeOf(error) !== 11000) throw error;
    });
  }

  /** An update by condition of one record; answers whether it matched. Alone it is durable on a majority. */
  async update(
    records: 'ledger' | 'ranges',
    { filter, update }: Conditional,
    signal: AbortSignal,
    session?: ClientSession,
  ): Promise<boolean> {
    if (session !== undefined) return this.updateAll(records, [{ filter, update }], signal, session);
    const collection = this.#db.collection(records);
    return (await abortable(collection.updateOne(filter, update), signal)).matchedCount === 1;
  }

  /** Updates by condition, each of one record, in a transaction that is rolled back unless all of them matched. */
  async updateAll(
    records: 'ledger' | 'ranges',
    updates: readonly Conditional[],
    signal: AbortSignal,
    session: ClientSession,
  ): Promise<boolean> {
    for (const some of inMessages(updates)) {
      const statements = some.map(({ filter, update }) => ({ q: filter, u: update }));
      const reply = await this.#db.command({ update: records, updates: statements }, { session, signal });
      if (reply['n'] !== some.length) return false;
    }
    return true;
  }

  /** An update by condition of the record of a stream; answers with its counters, null where none matched. */
  async updated({ filter, update }: Conditional, signal: AbortSignal): Promise<Counters | null> {
    // Without the positions: each may have megabytes, and comes several times a second.
    const options = { returnDocument: 'after', projection: { sequence: 1, repairs: 1 } } as const;
    const found = await abortable(this.ledger.findOneAndUpdate(filter, update, options), signal);
    return found as Counters | null;
  }

  async progress(records: 'ledger' | 'ranges', _id: string, signal: AbortSignal): Promise<Progress | null> {
    return this.#db.collection<Progress & { _id: string }>(records).findOne({ _id }, { signal });
  }

  async writers(stream: string, signal: AbortSignal): Promise<(LaneDocument | LoaderDocument)[]> {
    return (await this.ledger.find(belongsTo(stream), { signal }).toArray()) as (LaneDocument | LoaderDocument)[];
  }

  async rangesOf(stream: string, signal: AbortSignal): Promise<RangeDocument[]> {
    return this.ranges
      .find({ ...belongsTo(stream), replaced: false }, { signal })
      .sort({ number: 1 })
      .toArray();
  }

  /** Backfills that are not complete, apart from parked namespaces. */
  async copying(stream: string, signal: AbortSignal): Promise<readonly Namespace[]> {
    const open = { replaced: false, inline: { $in: ['repair', 'merge', 'once'] as const }, inStepAfter: null };
    const ranges = await this.ranges
      .find({ ...belongsTo(stream), ...open } as Filter<RangeDocument>, { signal })
      .toArray();
    if (ranges.length === 0) return [];
    const beside = { $or: [{ parked: { $ne: null } }, { left: true }] };
    const left = await this.namespaces
      .find({ ...belongsTo(stream), ...beside } as Filter<NamespaceDocument>, { signal })
      .toArray();
    const names = new Set(left.map(({ source }) => source));
    return [...new Set(ranges.map(({ namespace }) => namespace))].filter((name) => !names.has(name));
  }

  async namespacesOf(stream: string, signal: AbortSignal): Promise<NamespaceDocument[]> {
    return this.namespaces.find(belongsTo(stream), { signal }).toArray();
  }

  async viewsOf(stream: string, signal: AbortSignal): Promise<ViewDocument[]> {
    return this.views.find(belongsTo(stream), { signal }).toArray();
  }

  async ownersOf(
    targets: readonly Namespace[],
    signal: AbortSignal,
    session?: ClientSession,
  ): Promise<OwnerDocument[]> {
    const options = session === undefined ? { signal } : { signal, session };
    return this.owners.find({ _id: { $in: [...targets] } }, options).toArray();
  }

  async putOwners(records: readonly OwnerDocument[], session: ClientSession): Promise<void> {
    if (records.length === 0) return;
    const writes = records.map((record) => ({
      replaceOne: { filter: { _id: record._id }, replacement: record, upsert: true },
    }));
    await this.owners.bulkWrite(writes, { session, ordered: true });
  }

  /** Targets that a stream has. */
  async ownedBy(stream: string, signal: AbortSignal): Promise<readonly Namespace[]> {
    const found = await this.owners.find({ 'holders.stream': stream }, { projection: { _id: 1 }, signal }).toArray();
    return found.map(({ _id }) => _id);
  }

  /** Ends whatever is open on a session, where a higher transaction number does not. */
  async kill(session: Binary, signal: AbortSignal): Promise<void> {
    await this.client.db('admin').command({ killSessions: [{ id: session }] }, { signal });
  }
}

/**
 * A command has 16 MB at most, and a record may hold a position of some megabytes: the rows of a copy that are written while the
 * stream stands at a change of a key of 1 MB give every lane its token of 2 MB.
 */
const MESSAGE_BYTES = 4 * 1024 * 1024;

function inMessages(updates: readonly Conditional[]): readonly (readonly Conditional[])[] {
  const messages: Conditional[][] = [];
  let bytes = 0;
  for (const each of updates) {
    const size = BSON.calculateObjectSize(each.update);
    const last = messages.at(-1);
    if (last === undefined || bytes + size > MESSAGE_BYTES) messages.push([each]);
    else last.push(each);
    bytes = messages.at(-1) === last ? bytes + size : size;
  }
  return messages;
}

const tombstoneOf = (stream: string, epoch: number, removal: Binary): ForgottenDocument => ({
  _id: stream,
  kind: 'forgotten',
  stream,
  epoch,
  removing: true,
  removal,
  at: new Date(),
});

export const newLane = (stream: string, lane: number, epoch: number): LaneDocument => ({
  _id: laneId(stream, lane),
  kind: 'lane',
  stream,
  lane,
  epoch,
  session: newSessionId(),
  sequence: 0,
  position: null,
  inForce: true,
});
