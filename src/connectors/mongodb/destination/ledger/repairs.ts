import { Binary } from 'mongodb';
import { abortable } from '../../../../core/async/abortable';
import { codeOf } from '../../errors';
import type { RepairAsk, RepairRequest } from '../../../../core/ports/destination';
import { ReplicationError } from '../../../../core/model/errors';
import type { Namespace } from '../../../../core/model/namespace';
import { belongsTo, keyDigest, type RepairDocument } from './records';
import type { Store } from './store';

const AT_ONCE = 1_000;
const DUPLICATE = 11000;

/** One open request for a row, however often it is asked for, and by however many processes. */
const idOf = (stream: string, { namespace, key }: RepairAsk): string => `${stream}/${namespace}/${keyDigest(key)}`;

/** Requests first, then the counter that tells the stream of them: the reverse would let it look too early. */
export async function askRepairs(
  store: Store,
  stream: string,
  asks: readonly RepairAsk[],
  signal: AbortSignal,
): Promise<void> {
  if (asks.length === 0) return;
  for (let at = 0; at < asks.length; at += AT_ONCE) await ask(store, stream, asks.slice(at, at + AT_ONCE), signal);
  const told = { filter: { _id: stream, kind: 'stream' }, update: { $inc: { repairs: 1 } } };
  if (!(await store.update('ledger', told, signal))) throw noLedger(stream);
}

async function ask(store: Store, stream: string, asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
  const writes = asks.map((each) => ({
    updateOne: {
      filter: { _id: idOf(stream, each) },
      update: {
        $setOnInsert: { stream, namespace: each.namespace, key: new Binary(each.key.bytes), reason: each.reason },
        $set: { asked: new Date() },
        $inc: { times: 1 },
      },
      upsert: true,
    },
  }));
  const write = () => abortable(store.repairs.bulkWrite(writes, { ordered: false }), signal);
  await write().catch((error: unknown) => {
    if (codeOf(error) !== DUPLICATE) throw error;
    // Another process asked for the same row in the same moment. The request is there now; counting once more does no harm.
    return write();
  });
}

/** Rows that are still to be copied again. */
export const repairsLeft = (store: Store, stream: string, signal: AbortSignal): Promise<number> =>
  store.repairs.countDocuments(belongsTo(stream), { signal });

export async function openRepairs(
  store: Store,
  stream: string,
  limit: number,
  signal: AbortSignal,
): Promise<readonly RepairRequest[]> {
  const found = await store.repairs.find(belongsTo(stream), { signal }).sort({ _id: 1 }).limit(limit).toArray();
  return found.map(readRequest);
}

const readRequest = ({ _id, times, namespace, key, reason }: RepairDocument): RepairRequest => ({
  id: `${times}:${_id}`,
  namespace,
  key: Buffer.from(key.buffer),
  reason,
});

/** A request names its row by namespace and key: after a rename it has to name the new namespace. */
export async function renameRepairs(
  store: Store,
  stream: string,
  { from, to }: { readonly from: Namespace; readonly to: Namespace },
  signal: AbortSignal,
): Promise<void> {
  const old = { ...belongsTo(stream), namespace: from };
  for (;;) {
    const found = await store.repairs.find(old, { signal }).limit(AT_ONCE).toArray();
    if (found.length === 0) return;
    // The new ones first: a crash in between leaves requests for a namespace that is gone, which the stream closes.
    const writes = found.map(({ _id, key, reason, times, asked }) => ({
      updateOne: {
        filter: { _id: `${stream}/${to}${_id.slice(_id.lastIndexOf('/'))}` },
        update: {
          $setOnInsert: { stream, namespace: to, key, reason },
          $set: { asked },
          $inc: { times },
        },
        upsert: true,
      },
    }));
    await abortable(store.repairs.bulkWrite(writes, { ordered: false }), signal);
    const ids = found.map(({ _id }) => _id);
    await abortable(store.repairs.deleteMany({ _id: { $in: ids } }), signal);
  }
}

/** A request that was made again since it was read stays open: the second one may be about a change that came after the copy. */
export async function closeRepairs(store: Store, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const writes = ids.map((id) => {
    const colon = id.indexOf(':');
    return { deleteOne: { filter: { _id: id.slice(colon + 1), times: Number(id.slice(0, colon)) } } };
  });
  for (let at = 0; at < writes.length; at += AT_ONCE)
    await abortable(store.repairs.bulkWrite(writes.slice(at, at + AT_ONCE), { ordered: false }), signal);
}

const noLedger = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'ledger_missing',
    message: `the destination holds no ledger of ${stream}, so no stream would repair its rows`,
    remedy: 'start the stream first',
  });
