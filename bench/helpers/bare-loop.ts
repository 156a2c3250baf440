/**
 * What a stream is compared with: a decoded change stream with `updateLookup`, batches of 1,000, four unordered bulks by
 * key, majority writes. No Temporal, no ledger, no checks; it remembers its place only as long as it lives.
 */
import {
  MongoClient,
  type AnyBulkWriteOperation,
  type ChangeStream,
  type ChangeStreamDocument,
  type ResumeToken,
} from 'mongodb';
import { serve } from './serve';

const BATCH = 1000;
const LANES = 4;

export interface LoopTask {
  readonly source: string;
  readonly target: string;
  readonly database: string;
}

let source: MongoClient;
let target: MongoClient;
let database: string;
let token: ResumeToken;
let held = false;
let running = Promise.resolve();

const open = async (task: LoopTask): Promise<void> => {
  database = task.database;
  source = await new MongoClient(task.source).connect();
  target = await new MongoClient(task.target, { writeConcern: { w: 'majority' } }).connect();
  await go();
};

async function go(): Promise<void> {
  held = false;
  const stream = source.db(database).watch([], {
    fullDocument: 'updateLookup',
    batchSize: BATCH,
    maxAwaitTimeMS: 100,
    ...(token !== undefined && token !== null && { resumeAfter: token }),
  });
  // The place is taken before the answer: what is written after it is seen.
  const first = await stream.tryNext();
  running = follow(stream, first);
  running.catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
    process.kill(process.pid);
  });
}

async function hold(): Promise<void> {
  held = true;
  await running;
}

async function follow(stream: ChangeStream, first: ChangeStreamDocument | null): Promise<void> {
  let lanes: Promise<unknown> = Promise.resolve();
  let event = first;
  while (!held || event !== null) {
    const events: ChangeStreamDocument[] = [];
    while (event) {
      events.push(event);
      // What has been read is written before more is waited for.
      if (events.length >= BATCH || stream.bufferedCount() === 0) break;
      event = await stream.tryNext();
    }
    const parts = split(events);
    // The next batch was read while the one before was written.
    await lanes;
    token = stream.resumeToken;
    lanes = Promise.all(parts.flatMap(write));
    // Awaited in the next round; a failure must not count as unhandled until then.
    lanes.catch(() => undefined);
    event = held ? null : await stream.tryNext();
  }
  await lanes;
  await stream.close();
}

type Part = Map<string, AnyBulkWriteOperation[]>;

const write = (part: Part): Promise<unknown>[] =>
  [...part].map(([collection, list]) => target.db(database).collection(collection).bulkWrite(list, { ordered: false }));

function split(events: readonly ChangeStreamDocument[]): Part[] {
  const parts = Array.from({ length: LANES }, (): Part => new Map());
  for (const change of events) {
    const operation = operationOf(change);
    if (!operation) continue;
    const part = parts[hash(String(operation.key)) % LANES] as Part;
    const list = part.get(operation.collection);
    if (list) list.push(operation.write);
    else part.set(operation.collection, [operation.write]);
  }
  return parts;
}

function operationOf(
  change: ChangeStreamDocument,
): { collection: string; key: unknown; write: AnyBulkWriteOperation } | null {
  switch (change.operationType) {
    case 'insert':
    case 'replace':
    case 'update': {
      const { documentKey, ns, fullDocument } = change;
      const operation: AnyBulkWriteOperation = fullDocument
        ? { replaceOne: { filter: documentKey, replacement: fullDocument, upsert: true } }
        : { deleteOne: { filter: documentKey } };
      return { collection: ns.coll, key: documentKey._id, write: operation };
    }
    case 'delete': {
      const { documentKey, ns } = change;
      return { collection: ns.coll, key: documentKey._id, write: { deleteOne: { filter: documentKey } } };
    }
    default:
      return null;
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

serve({ open, go, hold });
