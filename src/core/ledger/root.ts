import { isReplicationError, tooMuch, type ReplicationError } from '../model/errors';
import type { RecordOp, StateRecord } from '../ports/state-store';
import type { Step, UnitOfWork } from '../ports/writer';
import { fencedBy, type LedgerContext } from './records/context';
import { following, replace, rootCodec, type RootState } from './records/records';
import { commitStep, writeRecord, type Judged } from './steps';

/** A slot whose epoch was confirmed so lately may be written, where rows and records are no one step. */
export const CONFIRMED_MS = 5_000;

/** The record of the stream at one epoch: what the whole stream does, as opposed to a lane or a loader, passes here. */
export class Root {
  #record: StateRecord;
  #state: RootState;
  #unit: Promise<UnitOfWork> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  /** Of a write whose outcome is not known: it is repeated before anything else is written. */
  #pending: ((signal: AbortSignal) => Promise<void>) | null = null;
  /** When the question was asked whose answer has shown our epoch: an answer may be long under way. */
  #confirmedAt: number;

  constructor(
    private readonly context: LedgerContext,
    record: StateRecord,
    fencedAt: number,
  ) {
    this.#record = record;
    this.#state = rootCodec.decode(record.value, context.positions);
    this.#confirmedAt = fencedAt;
  }

  get state(): RootState {
    return this.#state;
  }

  get generation(): number {
    return this.#record.generation;
  }

  /** Changes the record in one durable step; `generation`: lanes of another one are in force from then on. */
  move(change: (state: RootState) => RootState, signal: AbortSignal, generation?: number): Promise<void> {
    return this.#inTurn(() => {
      const state = change(this.#state);
      const needs: RecordOp[] = [];
      const value = rootCodec.encode(state, this.context.positions, needs);
      const next = following(this.#record, this.context.epoch, value);
      const record = { ...next, generation: generation ?? this.#record.generation };
      return async (limit) => {
        for (const need of needs) await writeKept(this.context, need, limit);
        await writeRecord(this.context, replace(this.#record, record), limit);
        this.#record = record;
        this.#state = state;
      };
    }, signal);
  }

  /**
   * Writes records that the claim owns; `note` hears of each that is written, also of those that only a later call finishes. Where a
   * step is atomic, the record of the stream fences them. Where it is not, each is written by its own condition: a claim has raised
   * all of them, so that a writer of an earlier epoch expects another mark.
   */
  async write(ops: readonly RecordOp[], signal: AbortSignal, note: (op: RecordOp) => void = () => undefined) {
    const { traits, limits } = this.context.writer;
    const size = traits.atomic === 'none' ? 1 : limits.records;
    for (let at = 0; at < ops.length; at += size) {
      const some = ops.slice(at, at + size);
      await this.#inTurn(() => {
        const write = traits.atomic === 'none' ? this.#alone(some) : this.#together(some);
        return async (limit) => {
          await write(limit);
          for (const op of some) note(op);
        };
      }, signal);
    }
  }

  #alone(ops: readonly RecordOp[]): (signal: AbortSignal) => Promise<void> {
    return async (signal) => {
      await this.confirm(signal);
      for (const op of ops) await (expectsAny(op) ? writeKept : writeRecord)(this.context, op, signal);
    };
  }

  #together(ops: readonly RecordOp[]): (signal: AbortSignal) => Promise<void> {
    const record = following(this.#record, this.context.epoch, this.#record.value);
    const step: Step = { fences: [replace(this.#record, record)], before: ops, rows: [], after: [] };
    return async (signal) => {
      const outcome = await commitStep(this.context, await this.#opened(signal), step, signal);
      if (outcome.type !== 'written' && outcome.type !== 'before') throw notWritten(outcome);
      this.#record = record;
    };
  }

  /** Rejects with `fenced` when a later epoch was claimed. What follows is not protected: only a write in the same step is. */
  async confirm(signal: AbortSignal): Promise<void> {
    const { clock, store, keys, stream, epoch } = this.context;
    if (clock.monotonic() - this.#confirmedAt <= CONFIRMED_MS) return;
    const asked = clock.monotonic();
    const [found] = await store.get([keys.root], signal);
    if (found?.epoch !== epoch) throw fencedBy(stream, found?.epoch ?? 0);
    this.#confirmedAt = asked;
  }

  #opened(signal: AbortSignal): Promise<UnitOfWork> {
    this.#unit ??= this.context.writer.open(this.#record, this.context.epoch, signal).catch((error: unknown) => {
      this.#unit = null;
      throw error;
    });
    return this.#unit;
  }

  /** Finishes a write whose outcome is not known: what is made of records after that counts with it. */
  finish(signal: AbortSignal): Promise<void> {
    return this.#inTurn(() => () => Promise.resolve(), signal);
  }

  /** `prepare` sees the record as the writes before have left it; what it answers may be repeated. */
  #inTurn(prepare: () => (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const mine = this.#turn.then(async () => {
      await this.#finish(signal);
      this.#pending = prepare();
      await this.#finish(signal);
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #finish(signal: AbortSignal): Promise<void> {
    if (this.#pending === null) return;
    try {
      await this.#pending(signal);
    } catch (error) {
      // What was refused for sure is not repeated.
      if (isReplicationError(error) && error.kind !== 'retry') this.#pending = null;
      throw error;
    }
    this.#pending = null;
  }

  async close(): Promise<void> {
    await (await this.#unit?.catch(() => null))?.[Symbol.asyncDispose]();
  }
}

const notWritten = (outcome: Judged): ReplicationError => ('error' in outcome ? outcome.error : tooMuch('the ledger'));

const expectsAny = (op: RecordOp): boolean => op.op === 'put' && op.expect === 'any';

/** A record that is always the same under its key: one that is there is as good. */
export async function writeKept({ store }: LedgerContext, op: RecordOp, signal: AbortSignal): Promise<void> {
  await store.write(op.op === 'put' ? { ...op, expect: 'absent' } : op, signal);
}
