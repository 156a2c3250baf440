import { setTimeout as delay } from 'node:timers/promises';
import {
  Long,
  MongoError,
  ReadConcern,
  WriteConcern,
  type Binary,
  type ClientSession,
  type MongoClient,
} from 'mongodb';
import { systemRandom } from '../../../../host/random';
import { abortable } from '../../../../core/async/abortable';
import { classify, codeOf, hasLabel } from '../../errors';
import { fixSession } from '../../driver/internals';
import { ReplicationError } from '../../../../core/model/errors';

/** Transactions that one claim can number on a session; with them epochs stay exact up to 134 million. */
const NUMBERS = 2 ** 26;
/** The first of them are the claim's own. */
const CLAIMING = 1_024;
/** How long a transaction is tried again before the leg ends; the workflow's back-off takes over then. */
const PATIENCE_MS = 5_000;

const TRANSACTION = {
  readConcern: new ReadConcern('local'),
  writeConcern: new WriteConcern('majority', undefined, true),
};

export interface FixedSessionOptions {
  readonly id: Binary;
  readonly epoch: number;
  /** A claim raises the epoch first; what it then writes is numbered above that. */
  readonly phase: 'claim' | 'write';
}

/** The session of one writer: one transaction at a time, numbered above those of every earlier epoch. */
export class FixedSession {
  #session: ClientSession;
  /** Number of the last transaction. */
  #number: number;
  #left: number;
  /** A transaction that is asked for while another one is open waits until that one has ended. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The end of the last transaction that was rolled back, where its caller did not wait for it. */
  #settling: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: MongoClient,
    private readonly options: FixedSessionOptions,
  ) {
    const { epoch, phase } = options;
    this.#number = epoch * NUMBERS + (phase === 'claim' ? 0 : CLAIMING);
    this.#left = phase === 'claim' ? CLAIMING : NUMBERS - CLAIMING - 1;
    this.#session = this.#open();
  }

  #open(): ClientSession {
    const session = this.client.startSession({ causalConsistency: false });
    fixSession(session, this.options.id, this.#number);
    return session;
  }

  /**
   * Runs `body` in a transaction and commits it for a majority. `body` may run several times, also after a commit
   * that had succeeded unseen: its first statement has to be the conditional update that notices.
   */
  async run<T>(body: (session: ClientSession) => Promise<T>, signal: AbortSignal): Promise<T> {
    const mine = this.#turn.then(() => this.#run(body, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #run<T>(body: (session: ClientSession) => Promise<T>, signal: AbortSignal): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      await abortable(this.#settling, signal);
      if (--this.#left < 0) throw numbersUsedUp();
      this.#number += 1;
      this.#session.startTransaction(TRANSACTION);
      try {
        const result = await body(this.#session);
        await this.#commit(deadline, signal);
        return result;
      } catch (error) {
        await this.#abandon(signal);
        if (signal.aborted) this.#renew();
        const again = hasLabel(error, 'TransientTransactionError') && codeOf(error) !== 225;
        if (!again || Date.now() >= deadline) throw error;
      }
      await delay(systemRandom.fraction() * Math.min(4 * 2 ** attempt, 200), undefined, { signal });
    }
  }

  /**
   * Runs a write that no transaction may hold, with a number of its own: sent again, the server does nothing twice. Once a later
   * claim has a higher number on this session, the write is done or will never be (225).
   */
  async write<T>(send: (session: ClientSession, number: Long) => Promise<T>, signal: AbortSignal): Promise<T> {
    const mine = this.#turn.then(() => this.#write(send, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #write<T>(send: (session: ClientSession, number: Long) => Promise<T>, signal: AbortSignal): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    await abortable(this.#settling, signal);
    if (--this.#left < 0) throw numbersUsedUp();
    this.#number += 1;
    fixSession(this.#session, this.options.id, this.#number);
    for (;;) {
      try {
        return await abortable(send(this.#session, Long.fromNumber(this.#number)), signal);
      } catch (error) {
        // The driver lets a socket's own error through.
        const unanswered = !(error instanceof MongoError) || classify(error, { role: 'destination' }).kind === 'retry';
        if (signal.aborted || !unanswered || codeOf(error) === 225 || Date.now() >= deadline) throw error;
      }
      await delay(50, undefined, { signal });
    }
  }

  async #commit(deadline: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        await abortable(this.#session.commitTransaction(), signal);
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        // The driver lets a socket's own error through, and then stumbles over it: what became of the commit is not known.
        const foreign = !(error instanceof MongoError);
        const unknown = foreign || hasLabel(error, 'UnknownTransactionCommitResult');
        if (!unknown || Date.now() >= deadline) throw foreign ? unanswered() : error;
      }
      await delay(20, undefined, { signal });
    }
  }

  /** Rolls back what is open. An aborted caller does not wait for a server that does not answer: the next claim aborts the transaction anyway. */
  async #abandon(signal: AbortSignal): Promise<void> {
    if (!this.#session.inTransaction()) return;
    this.#settling = this.#session.abortTransaction().catch(() => undefined);
    if (!signal.aborted) await abortable(this.#settling, signal);
  }

  /**
   * What was given up may still be under way. The driver numbers a command when it sends it: a commit that it tries again by itself
   * would commit the half of the next transaction. Each goes on under a session of its own, with the same id.
   */
  #renew(): void {
    this.close();
    this.#settling = Promise.resolve();
    this.#session = this.#open();
  }

  close(): void {
    const session = this.#session;
    void this.#settling.then(() => session.endSession()).catch(() => undefined);
  }
}

const numbersUsedUp = (): ReplicationError =>
  new ReplicationError('retry', {
    code: 'numbers_used_up',
    message: 'this claim has no transaction numbers left',
    remedy: 'Nothing to do: the next leg has its own.',
  });

const unanswered = (): ReplicationError =>
  new ReplicationError('retry', {
    code: 'not_reachable',
    message: 'destination: a commit was not answered',
    remedy: 'Nothing to do: the next leg reads from the ledger what became of it.',
  });
