import type { ClientSession } from 'mongodb';
import { codeOf } from '../../mongodb/errors';
import type { LanePart, Written } from '../../replication/destination';
import { ReplicationError } from '../../replication/errors';
import type { Namespace } from '../../replication/namespace';
import { compose, type Mode } from './compose';
import { letterId, type Letters } from './letters';
import { laneId, storePosition, type LaneDocument } from './records';
import { Obstructed, runCommand, type Command } from './run';
import { FixedSession } from './session';
import type { Progress, Store } from './store';
import { taken } from './takeover';
import { targetOf, type Target, type Targets } from './targets';

/** The record says otherwise than the writer thinks; the transaction is rolled back, and the record read. */
export class NotMatched extends Error {}

export interface WriterOptions {
  readonly store: Store;
  readonly stream: string;
  readonly epoch: number;
  readonly letters: Letters;
}

/** One lane: its part of a batch and its record, in one transaction on its own session. */
export class Lane {
  readonly #session: FixedSession;
  readonly #id: string;

  constructor(
    private readonly options: WriterOptions,
    record: LaneDocument,
  ) {
    this.#id = laneId(options.stream, record.lane);
    this.#session = new FixedSession(options.store.client, {
      id: record.session,
      epoch: options.epoch,
      phase: 'write',
    });
  }

  async apply(part: LanePart, targets: Targets, signal: AbortSignal): Promise<Written> {
    const { refusals = [] } = part;
    if (refusals.length > 0) await this.options.letters.ready(signal);
    let bytes = 0;
    for (const change of part.changes) bytes += change.bytes;
    const write = (mode: Mode) => this.#write(part, targets, commandsOf(part, mode, targets), signal);
    const fresh = await write(part.inStep ? 'optimistic' : 'upsert').catch((error: unknown) => {
      if (error instanceof Obstructed) return write('exact');
      throw error;
    });
    return { fresh, bytes, letters: lettersOf(this.options.stream, part) };
  }

  async #write(part: LanePart, targets: Targets, commands: readonly Command[], signal: AbortSignal): Promise<boolean> {
    const { store } = this.options;
    try {
      await this.run(async (session) => {
        await this.advance(part, session, signal);
        for (const command of commands) await runCommand(store.client, command, session, signal);
        await this.writeLetters(part, targets, session);
      }, signal);
      return true;
    } catch (error) {
      if (error instanceof NotMatched || codeOf(error) === 225) return this.look(part, signal);
      throw error;
    }
  }

  /** A transaction on the session of this lane. */
  run(body: (session: ClientSession) => Promise<void>, signal: AbortSignal): Promise<void> {
    return this.#session.run(body, signal);
  }

  /** The first statement of a part's transaction: the record moves on, or nothing is written. */
  async advance(
    { expected, position, aheadUntil }: LanePart,
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, epoch } = this.options;
    const filter = { _id: this.#id, epoch, sequence: expected };
    const $set = {
      sequence: expected + 1,
      ...(position !== null && { position: storePosition(position) }),
      ...(aheadUntil && { aheadUntil: storePosition(aheadUntil) }),
    };
    if (!(await store.update('ledger', { filter, update: { $set } }, signal, session))) throw new NotMatched();
  }

  /** What a part says of changes that are refused, and of rows that were behind. */
  async writeLetters({ settled, refusals }: LanePart, targets: Targets, session: ClientSession): Promise<void> {
    const { letters, stream } = this.options;
    if (settled?.length) await letters.supersede(settled, session);
    if (refusals?.length) await letters.write(stream, refusals, (name) => targetOf(targets, name).name, session);
  }

  /** Further on: this part was written before, by a commit whose answer was lost. */
  async look(part: LanePart, signal: AbortSignal): Promise<false> {
    const found = await confirmed('ledger', this.options, this.#id, signal);
    return judge(found, { ...this.options, expected: part.expected });
  }

  close(): void {
    this.#session.close();
  }
}

/** Which letter each refusal of a part has. */
export const lettersOf = (stream: string, { refusals = [] }: LanePart): readonly string[] =>
  refusals.map(({ letter, change }) => letter ?? letterId(stream, change, change.position));

/** A writer's record, on a majority: a later write to it is, and so is all before. */
export async function confirmed(
  records: 'ledger' | 'ranges',
  { store, epoch }: WriterOptions,
  _id: string,
  signal: AbortSignal,
): Promise<Progress | null> {
  await store.update(records, { filter: { _id, epoch }, update: { $set: { confirmed: new Date() } } }, signal);
  return store.progress(records, _id, signal);
}

/** Decides from the record why a conditional update met nothing. */
export function judge(
  found: Progress | null,
  { stream, epoch, expected }: { readonly stream: string; readonly epoch: number; readonly expected: number },
): false {
  if (found !== null && found.epoch !== epoch) throw taken(stream, found.epoch);
  if (found !== null && found.sequence > expected) return false;
  throw new ReplicationError('retry', {
    code: 'ledger_behind',
    message: `the ledger of stream ${stream} is not where this writer left it`,
    remedy: 'Nothing to do: the next leg reads it. If it repeats, was the destination restored while the stream ran?',
  });
}

function commandsOf(part: LanePart, mode: Mode, targets: Targets): Command[] {
  const target = (name: Namespace): Target => targetOf(targets, name);
  return compose(part.changes, mode, (name) => target(name).wholeOrder).map(
    ({ verb, namespace, documents, owners }) => ({ verb, target: target(namespace), documents, owners }),
  );
}
