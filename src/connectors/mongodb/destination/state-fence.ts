import { setTimeout as delay } from 'node:timers/promises';
import type { Binary } from 'mongodb';
import { fenced, type ReplicationError } from '../../../core/model/errors';
import { abortable } from '../../../core/async/abortable';
import { codeOf } from '../errors';
import { newSessionId } from './ledger/records';
import { FixedSession } from './ledger/session';
import type { StateCollection, StateDocument } from './state-document';

/** This server did not abort the predecessor. */
const CONFLICT = 112;
/** It remembers higher numbers on this session, from a ledger since lost. */
const NUMBER_TOO_OLD = 225;
const TRIES = 4;

type Slot = StateDocument & { readonly session: Binary };

/**
 * Raises the record of a slot in a transaction on the slot's own session, numbered above all of the predecessor's: that aborts
 * what a dead or frozen writer has open there in milliseconds, and makes its commit fail.
 */
export async function fenceSlot(
  store: StateCollection,
  key: string,
  epoch: number,
  signal: AbortSignal,
): Promise<StateDocument | null> {
  // A commit whose answer was lost leaves the record at this epoch with this mark: that was this call.
  const nonce = newSessionId();
  for (let attempt = 1; ; attempt++) {
    const slot = await withSession(store, key, signal);
    if (slot === null) return null;
    try {
      if (await raise(store, slot, { epoch, nonce }, signal)) return await read(store, key, signal);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      const held = await read(store, key, signal);
      // Two claims of one epoch use the same numbers, and the server lets one of them pass.
      if (held !== null && held.epoch >= epoch) throw fencedBy(held);
      if (attempt >= TRIES || (code !== CONFLICT && code !== NUMBER_TOO_OLD)) throw error;
      await store.client.db('admin').command({ killSessions: [{ id: slot.session }] }, { signal });
      if (code === NUMBER_TOO_OLD) await changeSession(store, slot, signal);
      await delay(20, undefined, { signal });
      continue;
    }
    const held = await read(store, key, signal);
    if (held !== null) throw fencedBy(held);
    return null;
  }
}

/** The record, with a session from its first fence on. Of two that give it one, the second changes nothing. */
async function withSession(store: StateCollection, key: string, signal: AbortSignal): Promise<Slot | null> {
  const lacking = { _id: key, session: { $exists: false } };
  await abortable(store.records.updateOne(lacking, { $set: { session: newSessionId() } }), signal);
  return (await read(store, key, signal)) as Slot | null;
}

async function raise(
  store: StateCollection,
  { _id, session: id }: Slot,
  { epoch, nonce }: { readonly epoch: number; readonly nonce: Binary },
  signal: AbortSignal,
): Promise<boolean> {
  const session = new FixedSession(store.client, { id, epoch, phase: 'claim' });
  try {
    const filter = { _id, $or: [{ epoch: { $lt: epoch } }, { epoch, fencedBy: nonce }] };
    const update = { $set: { epoch, fencedBy: nonce } };
    return await session.run(async (transaction) => {
      const { matchedCount } = await store.records.updateOne(filter, update, { session: transaction });
      return matchedCount === 1;
    }, signal);
  } finally {
    session.close();
  }
}

/** Only from below: a slot that a later claim has fenced keeps the session on which that one writes. */
async function changeSession(
  store: StateCollection,
  { _id, epoch, session }: Slot,
  signal: AbortSignal,
): Promise<void> {
  const update = { $set: { session: newSessionId() } };
  await abortable(store.records.updateOne({ _id, epoch, session }, update), signal);
}

const read = (store: StateCollection, _id: string, signal: AbortSignal): Promise<StateDocument | null> =>
  store.records.findOne({ _id }, { signal });

const fencedBy = ({ _id, epoch }: StateDocument): ReplicationError => fenced(`${_id} is at epoch ${epoch}`, epoch);
