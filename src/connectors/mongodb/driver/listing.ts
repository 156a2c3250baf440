import type { ClientSession, Db, Document } from 'mongodb';
import { RawDocument } from '../../../formats/bson/raw-document';
import { BsonType } from '../../../formats/bson/types';
import { slice } from '../../../formats/bson/walk';
import { collationOf } from '../schema/collation';
import { codeOf } from '../errors';
import { getMore, runCursor } from './raw';

const PAGE = 1_000;
const NO_SUCH_COLLECTION = 26;
/** The index of every row's key; it cannot be made or dropped by itself. */
export const ID_INDEX = '_id_';

/** A collection, view or time series as the server lists it. */
export interface ListedCollection {
  readonly name: string;
  readonly type: string;
  readonly options: RawDocument;
  /** In hexadecimal digits; empty where it is not told. */
  readonly identity: string;
}

/** What `listCollections` says, undecoded: options are handed on as they are. */
export async function listCollections(db: Db, filter: Document, signal: AbortSignal): Promise<ListedCollection[]> {
  const rows = await readAll(db, { listCollections: 1, filter, cursor: { batchSize: PAGE } }, signal);
  return rows.map((row) => {
    const uuid = row.document('info')?.get('uuid');
    const options = row.document('options') ?? RawDocument.EMPTY;
    return {
      name: row.text('name') ?? '',
      // Some servers list a time series as a collection.
      type: options.has('timeseries') ? 'timeseries' : (row.text('type') ?? 'collection'),
      options,
      // Behind the length and the subtype.
      identity: uuid?.type === BsonType.binary ? uuid.bytes.toString('hex', 5) : '',
    };
  });
}

/** The indexes of a collection, undecoded and without those of the key; none where it is gone. */
export async function listIndexes(
  db: Db,
  collection: string,
  options: RawDocument,
  signal: AbortSignal,
): Promise<RawDocument[]> {
  const command = { listIndexes: collection, cursor: { batchSize: PAGE } };
  const listed = await readAll(db, command, signal).catch((error: unknown) => {
    if (codeOf(error) === NO_SUCH_COLLECTION) return [];
    throw error;
  });
  return withInherited(listed, options).filter((index) => !isOfKey(index));
}

/**
 * MongoDB lists the collection's collation with the `_id` index and with every other one that has it, so that none means
 * the simple one. Where a server leaves out what an index has from its collection, it is put in.
 */
export function withInherited(listed: readonly RawDocument[], options: RawDocument): readonly RawDocument[] {
  const id = listed.find((index) => index.text('name') === ID_INDEX);
  const inherited = id === undefined || id.has('collation') ? undefined : collationOf(options)?.value;
  if (inherited === undefined) return listed;
  return listed.map((index) => (index.has('collation') ? index : index.with('collation', inherited)));
}

/** The `_id` index, or that of a clustered collection, which has any name. */
const isOfKey = (index: RawDocument): boolean => index.text('name') === ID_INDEX || index.flag('clustered');

async function readAll(db: Db, command: Document, signal: AbortSignal): Promise<RawDocument[]> {
  const session: ClientSession = db.client.startSession({ causalConsistency: false });
  try {
    const rows: RawDocument[] = [];
    let reply = await runCursor(db, command, { session }, signal);
    for (;;) {
      for (const each of reply.documents) rows.push(RawDocument.from(Buffer.from(slice(reply.buffer, each))));
      if (reply.id === 0n) return rows;
      const collection = reply.namespace.slice(db.databaseName.length + 1);
      reply = await getMore(db, { id: reply.id, collection }, { session, batchSize: PAGE }, signal);
    }
  } finally {
    await session.endSession();
  }
}
