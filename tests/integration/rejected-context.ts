import type { Document } from 'mongodb';
import type { DeadLetterSummary } from '../../src/core/model/dead-letter';
import { startMongo } from '../../src/servers/mongodb/server';
import { CoreStream, type CoreOptions } from '../support/core';
import { failPoint } from '../support/fail-point';

export const never = new AbortController().signal;
/** BSONObjectTooLarge. */
const TOO_LARGE = 10334;

export type Row = Document & { _id: number };

/** A stream whose destination has a unique index on `u` that the source knows nothing of, or knows too. */
export async function open(options: CoreOptions & { readonly also?: 'source' } = {}): Promise<CoreStream> {
  const t = await CoreStream.open({ lanes: 4, ...options });
  await t.sourceDb.createCollection('rows');
  if (options.also === 'source') await rows(t).createIndex({ u: 1 }, { unique: true }, {});
  await t.copy();
  await t.catchUp();
  await t.destinationDb.collection('rows').createIndex({ u: 1 }, { unique: true }, {});
  return t;
}

export const rows = (t: CoreStream) => t.sourceDb.collection<Row>('rows');
export const copied = (t: CoreStream) => t.destinationDb.collection<Row>('rows').find().sort({ _id: 1 }).toArray();
export const deadLetters = async (t: CoreStream): Promise<readonly DeadLetterSummary[]> =>
  (await t.destination.deadLetters({ stream: t.id }, 100, never)).filter(({ stream }) => stream === t.id);
export const states = async (t: CoreStream) => (await deadLetters(t)).map(({ code, state }) => `${code} ${state}`);

/** A stream whose destination answers its first writes of rows as if they were too large, so many times. */
export async function refusing(times: number): Promise<CoreStream> {
  const server = await startMongo({ own: true, testCommands: true }, () => undefined);
  const t = await CoreStream.open({ destinationUri: server.uri, lanes: 1, errors: { onError: 'dead_letter' } });
  await t.sourceDb.createCollection('rows');
  let fault: AsyncDisposable | undefined;
  const claim = t.destination.claim.bind(t.destination);
  const begin = async (rows: number): Promise<void> => {
    if (rows > 0)
      fault ??= await failPoint(server.uri, t.id, { failCommands: ['insert'], errorCode: TOO_LARGE }, times);
  };
  t.destination.claim = async (request, signal) => {
    const claimed = await claim(request, signal);
    const [load, apply] = [claimed.load.bind(claimed), claimed.apply.bind(claimed)];
    claimed.load = (part, until) => begin(part.rows.length).then(() => load(part, until));
    claimed.apply = (part, until) => begin(part.changes.length).then(() => apply(part, until));
    return claimed;
  };
  const dispose = t[Symbol.asyncDispose].bind(t);
  t[Symbol.asyncDispose] = async () => {
    await fault?.[Symbol.asyncDispose]();
    await dispose();
    await server[Symbol.asyncDispose]();
  };
  return t;
}

/** Values go round between rows, as the source allows it: over one that no row has. */
export async function rotate(t: CoreStream, ids: readonly number[], spare: number, version: number): Promise<void> {
  const before = await rows(t)
    .find({ _id: { $in: [...ids] } })
    .toArray();
  const values = new Map(before.map(({ _id, u }) => [_id, u as number]));
  const [first = 0] = ids;
  await rows(t).updateOne({ _id: first }, { $set: { u: spare, v: version } });
  for (let i = ids.length - 1; i > 0; i -= 1)
    await rows(t).updateOne({ _id: ids[i]! }, { $set: { u: values.get(ids[(i + 1) % ids.length]!)!, v: version } });
  await rows(t).updateOne({ _id: first }, { $set: { u: values.get(ids[1]!)!, v: version + 0.5 } });
}

/** The error of a row that takes a value which another one has, in this stream. */
export const duplicateIn = (t: CoreStream) => ({
  kind: 'poison',
  code: 'duplicate_key',
  namespace: `${t.sourceDb.databaseName}.rows`,
  keyHash: expect.any(Number) as number,
});
