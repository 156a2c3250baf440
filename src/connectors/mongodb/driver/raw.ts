import { Long, type ClientSession, type Db, type Document, type ReadPreference, type Timestamp } from 'mongodb';
import { find, names, slice, walk, type Element } from '../../../formats/bson/walk';

/** What the server answered to `aggregate`, `find` or `getMore`; documents lie in `buffer` and are not decoded. */
export interface CursorReply {
  /** The reply's `cursor` document. */
  readonly buffer: Buffer;
  /** 0 once the server has closed the cursor. */
  readonly id: bigint;
  /** `database.collection` of the cursor. */
  readonly namespace: string;
  /** Places of the documents in `buffer`. */
  readonly documents: readonly Element[];
  readonly postBatchResumeToken: Buffer | null;
  readonly operationTime: Timestamp | null;
}

const CURSOR = names('id', 'ns', 'firstBatch', 'nextBatch', 'postBatchResumeToken');

export interface CursorOptions {
  readonly session: ClientSession;
  readonly readPreference?: ReadPreference;
}

/** Runs a command that answers with a cursor. An aborted signal ends it at once and closes its connection. */
export async function runCursor(
  db: Db,
  command: Document,
  options: CursorOptions,
  signal: AbortSignal,
): Promise<CursorReply> {
  const reply = (await db.command(command, { ...options, raw: true, signal })) as {
    cursor: Buffer;
    operationTime?: Timestamp;
  };
  const buffer = reply.cursor;
  const [id, ns, first, next, token] = find(buffer, 0, CURSOR);
  const batch = first ?? next;
  return {
    buffer,
    id: id ? buffer.readBigInt64LE(id.start) : 0n,
    namespace: ns ? buffer.toString('utf8', ns.start + 4, ns.end - 1) : '',
    documents: batch ? places(buffer, batch.start) : [],
    postBatchResumeToken: token ? slice(buffer, token) : null,
    operationTime: reply.operationTime ?? null,
  };
}

function places(buffer: Buffer, offset: number): Element[] {
  const list: Element[] = [];
  walk(buffer, offset, (type, _nameStart, _nameEnd, start, end) => {
    list.push({ type, start, end });
    return false;
  });
  return list;
}

export interface MoreOptions extends CursorOptions {
  readonly batchSize: number;
  readonly maxTimeMs?: number;
}

/** The next batch of a cursor, on the session that opened it: some servers insist. */
export const getMore = (
  db: Db,
  cursor: { readonly id: bigint; readonly collection: string },
  { batchSize, maxTimeMs, ...options }: MoreOptions,
  signal: AbortSignal,
): Promise<CursorReply> =>
  runCursor(
    db,
    {
      getMore: Long.fromBigInt(cursor.id),
      collection: cursor.collection,
      batchSize,
      ...(maxTimeMs !== undefined && { maxTimeMS: maxTimeMs }),
    },
    options,
    signal,
  );

/** Frees a cursor. Best effort: the server drops an abandoned one by itself. */
export async function killCursor(
  db: Db,
  cursor: { readonly id: bigint; readonly collection: string },
  options: CursorOptions,
): Promise<void> {
  if (cursor.id === 0n) return;
  await db
    .command(
      { killCursors: cursor.collection, cursors: [Long.fromBigInt(cursor.id)] },
      { ...options, timeoutMS: 1_000 },
    )
    .catch(() => undefined);
}
