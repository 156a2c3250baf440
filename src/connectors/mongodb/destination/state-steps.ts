import type { ClientSession } from 'mongodb';
import { ReplicationError } from '../../../core/model/errors';
import type { RecordOp, StateRecord } from '../../../core/ports/state-store';
import { codeOf } from '../errors';
import { FixedSession } from './ledger/session';
import { sessionOf } from './state-document';
import type { MongodbStateStore } from './state-store';

/** A record is not as expected; the transaction is rolled back. */
class NotMatched extends Error {}

/** A later fence has a higher number on this session. */
const NUMBER_TOO_OLD = 225;

export interface RecordsOfStep {
  /** Written before the rows, the fencing ones first of all. */
  readonly before: readonly RecordOp[];
  readonly after: readonly RecordOp[];
}

/** Transactions on the session of one slot at one epoch: rows and records in one step, of which nothing is there after `stale`. */
export class SlotSession {
  readonly #session: FixedSession;

  constructor(
    private readonly store: MongodbStateStore,
    slot: StateRecord,
    epoch: number,
  ) {
    const id = sessionOf(slot);
    if (id === null) throw notFenced(slot.key);
    this.#session = new FixedSession(store.client, { id, epoch, phase: 'write' });
  }

  /** `body` writes the rows; it may run several times, also after a commit that had succeeded unseen: the fencing records notice. */
  async run(
    { before, after }: RecordsOfStep,
    body: (session: ClientSession) => Promise<void>,
    signal: AbortSignal,
  ): Promise<'written' | 'stale'> {
    try {
      await this.#session.run(async (session) => {
        if (!(await this.store.writeAll(before, session, signal))) throw new NotMatched();
        await body(session);
        if (!(await this.store.writeAll(after, session, signal))) throw new NotMatched();
      }, signal);
      return 'written';
    } catch (error) {
      if (error instanceof NotMatched || codeOf(error) === NUMBER_TOO_OLD) return 'stale';
      throw error;
    }
  }

  close(): void {
    this.#session.close();
  }
}

const notFenced = (key: string): ReplicationError =>
  new ReplicationError('bug', { code: 'unexpected', message: `${key} was opened before it was fenced` });
