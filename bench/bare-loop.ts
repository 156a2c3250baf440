/**
 * What everything is compared with: a decoded change stream with `updateLookup`, batches of 1,000, four unordered bulks
 * by key, majority writes. No Temporal, no ledger, no checks, no resume. Usage: bare-loop SOURCE TARGET DATABASE INTO
 */
import { BSON, MongoClient, type AnyBulkWriteOperation, type ChangeStreamDocument, type Document } from 'mongodb';

const BATCH = 1000;
const LANES = 4;

async function main(): Promise<void> {
  const [sourceUri = '', targetUri = '', database = '', into = ''] = process.argv.slice(2);
  const source = new MongoClient(sourceUri);
  const target = new MongoClient(targetUri, { writeConcern: { w: 'majority' } });
  const token = process.env['RESUME_TOKEN'];
  const stream = source.db(database).watch([], {
    fullDocument: 'updateLookup',
    batchSize: BATCH,
    maxAwaitTimeMS: 100,
    ...(token !== undefined && { resumeAfter: BSON.EJSON.parse(token) as Document }),
  });
  process.once('SIGTERM', () => void stream.close());
  process.send?.('ready');

  const lanes: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve());
  while (!stream.closed) {
    const events: ChangeStreamDocument[] = [];
    let event = await stream.tryNext().catch(() => null);
    while (event) {
      events.push(event);
      // What has been read is written before more is waited for.
      if (events.length >= BATCH || stream.bufferedCount() === 0) break;
      event = await stream.tryNext().catch(() => null);
    }
    const parts = Array.from({ length: LANES }, () => new Map<string, AnyBulkWriteOperation[]>());
    for (const change of events) {
      const operation = operationOf(change);
      if (!operation) continue;
      const part = parts[hash(JSON.stringify(operation.key)) % LANES] as Map<string, AnyBulkWriteOperation[]>;
      const list = part.get(operation.collection) ?? [];
      list.push(operation.write);
      part.set(operation.collection, list);
    }
    await Promise.all(lanes);
    parts.forEach((part, lane) => {
      lanes[lane] = Promise.all(
        [...part].map(([collection, list]) =>
          target.db(into).collection(collection).bulkWrite(list, { ordered: false }),
        ),
      );
    });
  }
  await Promise.all(lanes);
  await source.close();
  await target.close();
}

function operationOf(
  change: ChangeStreamDocument,
): { collection: string; key: unknown; write: AnyBulkWriteOperation } | null {
  switch (change.operationType) {
    case 'insert':
    case 'replace':
    case 'update': {
      const { documentKey, ns, fullDocument } = change;
      const write: AnyBulkWriteOperation = fullDocument
        ? { replaceOne: { filter: documentKey, replacement: fullDocument, upsert: true } }
        : { deleteOne: { filter: documentKey } };
      return { collection: ns.coll, key: documentKey._id, write };
    }
    case 'delete':
      return {
        collection: change.ns.coll,
        key: change.documentKey._id,
        write: { deleteOne: { filter: change.documentKey } },
      };
    default:
      return null;
  }
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

void main();
