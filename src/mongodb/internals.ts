import { createRequire } from 'node:module';
import type { Binary } from 'mongodb';
import {
  BSON,
  MongoCursorExhaustedError,
  type ClientSession,
  type Document,
  type FindCursor,
  type MongoClient,
} from 'mongodb';

/**
 * The one file that touches what the driver keeps to itself; the driver's version is pinned, and
 * `tests/contract/mongodb-internals.test.ts` says at once when a new one moves these.
 */
interface SequenceClass {
  new (field: string): { push(document: Document, bytes: Buffer): number };
}

function loadSequence(): SequenceClass | null {
  try {
    // Not an `import`: the file is no part of the driver's interface, has no types, and may be gone one day.
    const commands = createRequire(__filename)('mongodb/lib/cmap/commands') as { DocumentSequence?: unknown };
    return typeof commands.DocumentSequence === 'function' ? (commands.DocumentSequence as SequenceClass) : null;
  } catch {
    return null;
  }
}

const Sequence = loadSequence();

/** Whether ready-made BSON is sent as it is; otherwise it is decoded, which some oddities do not survive. */
export const sendsEncoded = Sequence !== null;

/** What the driver logs and monitors in place of each document. */
const HIDDEN: Document = Object.freeze({});

/** The value of a command's `documents`, `updates` or `deletes`: ready-made BSON documents that nothing decodes. */
export function encodedDocuments(field: string, documents: readonly Buffer[]): unknown {
  if (Sequence === null) return decodedDocuments(documents);
  const sequence = new Sequence(field);
  for (const bytes of documents) sequence.push(HIDDEN, bytes);
  return sequence;
}

/** The same through the public interface only: slower, and not exact for dates out of range or names like `10`. */
export const decodedDocuments = (documents: readonly Buffer[]): Document[] =>
  documents.map((bytes) => BSON.deserialize(bytes, { promoteValues: false, bsonRegExp: true }));

/** Type, offset and length of a name, offset and length of a value. */
type BatchElement = readonly [number, number, number, number, number];

interface Response {
  readonly batch?: { readonly bson?: unknown; readonly elements?: readonly BatchElement[] };
  readonly iterated?: unknown;
  clear?(): void;
}

/**
 * The next rows of a raw cursor, as many as a message brings; none at the end. As `readBufferedDocuments` gives them, which
 * looks at every field of every row before it hands out the bytes.
 */
export async function nextRows(cursor: FindCursor<Buffer>): Promise<Buffer[]> {
  if (!(await cursor.hasNext())) {
    // Closed before its end by whoever closed the client: that is no end.
    if (cursor.killed) throw new MongoCursorExhaustedError('the cursor was closed before its end');
    return [];
  }
  const response = (cursor as unknown as { documents?: Response }).documents;
  const { bson, elements } = response?.batch ?? {};
  if (response?.iterated !== 0 || !Buffer.isBuffer(bson) || elements === undefined || response.clear === undefined)
    return cursor.readBufferedDocuments();
  response.clear();
  return elements.map(([, , , offset, length]) => bson.subarray(offset, offset + length));
}

/** What the next messages of a cursor bring at most; the driver lets nobody change that once they have begun to come. */
export function askFor(cursor: FindCursor<Buffer>, rows: number): void {
  const { cursorOptions } = cursor as unknown as { cursorOptions?: { batchSize?: number } };
  if (cursorOptions !== undefined) cursorOptions.batchSize = rows;
}

/** Each pool looks after its connections ten times a second, however idle it is. To be called before the client connects. */
export function calmPools(client: MongoClient): void {
  Object.assign(client.options, { minPoolSizeCheckFrequencyMS: 5_000 });
}

interface ServerSession {
  id: { id: Binary };
  txnNumber: number;
  isDirty: boolean;
}

/**
 * Gives a session an id that outlives this process, and the number after which its next transaction counts.
 * A transaction with a higher number on the same id aborts the one that is open there.
 */
export function fixSession(session: ClientSession, id: Binary, transactionNumber: number): void {
  const server = session.serverSession as unknown as Partial<ServerSession> | null;
  if (server === null || typeof server.txnNumber !== 'number' || typeof server.isDirty !== 'boolean')
    throw new TypeError('the driver keeps its sessions in another way than this version expects');
  server.id = { id };
  server.txnNumber = transactionNumber;
  // A dirty session never returns to the driver's pool, where other commands would borrow its id.
  server.isDirty = true;
}
