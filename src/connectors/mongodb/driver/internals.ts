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
interface DocumentSequence {
  readonly chunks: readonly Buffer[];
  push(document: Document, bytes: Buffer): number;
}

interface Request {
  /** Adds the sections of a message to its parts; answers how many bytes they have. */
  makeSections(parts: Buffer[], command: Document): number;
}

interface Commands {
  readonly DocumentSequence: new (field: string) => DocumentSequence;
  readonly OpMsgRequest: { readonly prototype: Request };
}

function loadCommands(): Partial<Commands> {
  try {
    // Not an `import`: the file is no part of the driver's interface, has no types, and may be gone one day.
    return createRequire(__filename)('mongodb/lib/cmap/commands') as Partial<Commands>;
  } catch {
    return {};
  }
}

const { DocumentSequence: Sequence, OpMsgRequest: Message } = loadCommands();

/** Sequences that this file made: the driver and other commands do not change them. */
const OURS = new WeakSet<object>();

/**
 * The driver puts the documents of a message together three times, each time into memory of its own: with large ones most of
 * a worker's time went into that, and into collecting what was left of it. Ours are handed on as they are, and put together once.
 */
function handOnDocuments(prototype: Partial<Request>): void {
  const { makeSections } = prototype;
  if (makeSections === undefined) return;
  prototype.makeSections = function (this: Request, parts, command) {
    let bytes = 0;
    const documents: Buffer[] = [];
    for (const [field, value] of Object.entries(command)) {
      if (typeof value !== 'object' || value === null || !OURS.has(value as object)) continue;
      for (const chunk of (value as DocumentSequence).chunks) {
        documents.push(chunk);
        bytes += chunk.length;
      }
      // As the driver does: it is no BSON.
      Reflect.deleteProperty(command, field);
    }
    bytes += makeSections.call(this, parts, command);
    for (const chunk of documents) parts.push(chunk);
    return bytes;
  };
}

if (Message !== undefined) handOnDocuments(Message.prototype);

/** Whether ready-made BSON is sent as it is; otherwise it is decoded, which some oddities do not survive. */
export const sendsEncoded = Sequence !== undefined;

/** What the driver logs and monitors in place of each document. */
const HIDDEN: Document = Object.freeze({});

/** The value of a command's `documents`, `updates` or `deletes`: ready-made BSON documents that nothing decodes. */
export function encodedDocuments(field: string, documents: readonly Buffer[]): unknown {
  if (Sequence === undefined) return decodedDocuments(documents);
  const sequence = new Sequence(field);
  if (Array.isArray(sequence.chunks)) OURS.add(sequence);
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
 * reads every field of every row before it hands out the bytes.
 */
export async function nextRows(cursor: FindCursor<Buffer>): Promise<Buffer[]> {
  if (!(await cursor.hasNext())) {
    // The client was closed, and the cursor with it: without this, half of a range would count as all of it.
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

/** What the next messages of a cursor bring at most; the driver has no setting for it once the first ones have come. */
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
