import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimRequest } from '../../../../core/ports/destination';
import { fenced, ReplicationError } from '../../../../core/model/errors';
import { abortable } from '../../../../core/async/abortable';
import { codeOf } from '../../errors';
import { belongsTo, loaderId, newSessionId, type StreamDocument } from './records';
import { FixedSession } from './session';
import { newLane, type LedgerDocument, type Store } from './store';

/** What a successful claim holds: the records as they are once no leg of an earlier epoch can change them. */
export interface FencedRecords {
  readonly stream: StreamDocument;
  readonly records: readonly LedgerDocument[];
}

/**
 * Raises the epoch on every record of the stream and only then reads them. The raise happens in a transaction on each
 * record's own session, numbered above all of the predecessor's: that aborts whatever a dead or frozen writer has open
 * there in milliseconds, and makes its commit fail.
 */
export async function fenceWriters(store: Store, request: ClaimRequest, signal: AbortSignal): Promise<FencedRecords> {
  const { stream, epoch } = request;
  const found = await store.stream(stream, signal);
  if (found === null && request.expect === 'existing') throw ledgerMissing(stream);
  if (found === null) await store.create(stream, request.lanes, await lastEpoch(store, request, signal), signal);
  const record = found ?? (await store.stream(stream, signal));
  if (record === null) throw ledgerMissing(stream);
  if (record.epoch >= epoch) throw fencedBy(stream, record.epoch);

  // The stream's record first: from here on no leg of an earlier epoch lets in a loader, changes the shape of targets or plans copies.
  await raise(store, record, epoch, signal);
  const raised = (await store.stream(stream, signal)) ?? record;
  const writers = await writersOf(store, raised, signal);
  await Promise.all(writers.map((writer) => raise(store, writer, epoch, signal)));
  // Loaders write ranges, and none of them has a transaction open any more.
  await abortable(
    store.ranges.updateMany({ ...belongsTo(stream), epoch: { $lt: epoch } }, { $set: { epoch } }),
    signal,
  );

  const [now, records] = await Promise.all([store.stream(stream, signal), store.writers(stream, signal)]);
  if (now === null) throw ledgerMissing(stream);
  for (const { epoch: held } of [now, ...records])
    if (held !== epoch) throw fencedBy(stream, Math.max(held, now.epoch));
  return { stream: now, records };
}

/** The epoch that a forgotten stream of this id has left: its workers are fenced by what comes after it. */
async function lastEpoch(store: Store, { stream, epoch }: ClaimRequest, signal: AbortSignal): Promise<number> {
  const forgotten = await store.forgotten(stream, signal);
  if (forgotten === null) return 0;
  if (forgotten.removing) throw beingForgotten(stream);
  if (forgotten.epoch >= epoch) throw fencedBy(stream, forgotten.epoch);
  return forgotten.epoch;
}

/** The records of a stream's lanes and loaders; lanes that have none get one. */
async function writersOf(
  store: Store,
  { stream, lanes }: StreamDocument,
  signal: AbortSignal,
): Promise<readonly LedgerDocument[]> {
  const found = await store.writers(stream, signal);
  const there = new Set(found.flatMap((record) => (record.kind === 'lane' ? [record.lane] : [])));
  const missing = Array.from({ length: lanes }, (_, lane) => lane).filter((lane) => !there.has(lane));
  if (missing.length === 0) return found;
  for (const lane of missing) await store.ensure(newLane(stream, lane, 0), signal);
  return store.writers(stream, signal);
}

async function raise(store: Store, record: LedgerDocument, epoch: number, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      if (await raiseOnce(store, record, epoch, signal)) return;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      // Two claims of one epoch use the same numbers, and the server lets one of them pass.
      const held = await heldEpoch(store, record, signal);
      if (held >= epoch) throw fencedBy(record.stream, held);
      // 112: this server did not abort the predecessor. 225: it remembers higher numbers, from a ledger since lost.
      if (attempt >= 3 || (code !== 112 && code !== 225)) throw error;
      await store.kill(record.session, signal);
      if (code === 225) record = await changeSession(store, record, epoch, signal);
      await delay(20, undefined, { signal });
      continue;
    }
    throw fencedBy(record.stream, await heldEpoch(store, record, signal));
  }
}

async function raiseOnce(store: Store, record: LedgerDocument, epoch: number, signal: AbortSignal): Promise<boolean> {
  const session = new FixedSession(store.client, { id: record.session, epoch, phase: 'claim' });
  try {
    // A commit whose answer was lost leaves the record at this epoch with this mark: that was us.
    const mark = newSessionId();
    const filter = { _id: record._id, $or: [{ epoch: { $lt: epoch } }, { epoch, claim: mark }] };
    const update = { $set: { epoch, claim: mark } };
    return await session.run((transaction) => store.update('ledger', { filter, update }, signal, transaction), signal);
  } finally {
    session.close();
  }
}

async function heldEpoch(store: Store, record: LedgerDocument, signal: AbortSignal): Promise<number> {
  return (await store.ledger.findOne({ _id: record._id }, { signal }))?.epoch ?? 0;
}

async function changeSession(
  store: Store,
  record: LedgerDocument,
  epoch: number,
  signal: AbortSignal,
): Promise<LedgerDocument> {
  const session = newSessionId();
  const filter = { _id: record._id, epoch: { $lt: epoch } };
  return (await store.update('ledger', { filter, update: { $set: { session } } }, signal))
    ? { ...record, session }
    : record;
}

export const newLoader = (stream: string, loader: number, epoch: number): LedgerDocument => ({
  _id: loaderId(stream, loader),
  kind: 'loader',
  stream,
  loader,
  epoch,
  session: newSessionId(),
});

export const fencedBy = (stream: string, epoch: number): ReplicationError =>
  fenced(`the ledger of stream ${stream} is at epoch ${epoch}`, epoch);

const ledgerMissing = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'ledger_missing',
    message: `the destination has no ledger of stream ${stream}, though the stream has written before`,
    remedy:
      'Was the destination replaced or restored? `streams restart ID --from snapshot` copies again and makes a new ledger.',
  });

const beingForgotten = (stream: string): ReplicationError =>
  new ReplicationError('needs_attention', {
    code: 'being_forgotten',
    message: `the records of an earlier stream ${stream} are being removed from the destination`,
    remedy: `Stop this stream, run \`tributary streams forget ${stream}\` to its end, then apply the stream again.`,
  });
