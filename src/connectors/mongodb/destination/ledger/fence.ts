import type { ClientSession, Document } from 'mongodb';
import { codeOf } from '../../errors';
import type { ReplicationError } from '../../../../core/model/errors';
import { fencedBy } from './fencing';
import type { FixedSession } from './session';
import type { Counters, Store } from './store';
import type { StreamDocument } from './records';

/** The stream's own record at one epoch: what the whole stream does, as opposed to a lane or a loader, passes here. */
export class Fence {
  constructor(
    readonly store: Store,
    readonly stream: string,
    readonly epoch: number,
    readonly session: FixedSession,
  ) {}

  get #own(): Document {
    return { _id: this.stream, epoch: this.epoch };
  }

  /** Changes the stream's record in one durable step. */
  async update(update: Document, signal: AbortSignal): Promise<void> {
    if (!(await this.store.update('ledger', { filter: this.#own, update }, signal))) throw await this.lost(signal);
  }

  /** The same, and answers with the counters of the record as they are then. */
  async updated(update: Document, signal: AbortSignal): Promise<Counters> {
    const record = await this.store.updated({ filter: this.#own, update }, signal);
    if (record === null) throw await this.lost(signal);
    return record;
  }

  /** Changes the stream's record and other records in one transaction. */
  async transaction(
    update: Document,
    body: (session: ClientSession) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const run = this.session.run(async (session) => {
      if (!(await this.store.update('ledger', { filter: this.#own, update }, signal, session))) return false;
      await body(session);
      return true;
    }, signal);
    // 225: a later claim has opened a higher number on this session.
    const matched = await run.catch((error: unknown) => {
      if (codeOf(error) === 225) return false;
      throw error;
    });
    if (!matched) throw await this.lost(signal);
  }

  /** Rejects when a later epoch was claimed. What follows is not protected: only a write in the same step is. */
  async check(signal: AbortSignal): Promise<void> {
    await this.update({ $set: { checked: new Date() } }, signal);
  }

  async record(signal: AbortSignal): Promise<StreamDocument> {
    const record = await this.store.stream(this.stream, signal);
    if (record?.epoch !== this.epoch) throw fencedBy(this.stream, record?.epoch ?? 0);
    return record;
  }

  async lost(signal: AbortSignal): Promise<ReplicationError> {
    return fencedBy(this.stream, (await this.store.stream(this.stream, signal))?.epoch ?? 0);
  }
}
