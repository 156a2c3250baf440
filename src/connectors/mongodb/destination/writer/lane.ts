import type { ClientSession } from 'mongodb';
import { codeOf } from '../../errors';
import type { LanePart } from '../../../../core/ports/destination';
import { isReplicationError, ReplicationError } from '../../../../core/model/errors';
import type { Namespace } from '../../../../core/model/namespace';
import { compose, type Mode } from './compose';
import { deadLetterId, type DeadLetters } from '../ledger/dead-letters';
import { laneId, storePosition, type LaneDocument } from '../ledger/records';
import { Obstructed, runCommand, type Command } from './run';
import { FixedSession } from '../ledger/session';
import type { Conditional, Progress, Store } from '../ledger/store';
import { fencedBy } from '../ledger/fencing';
import { targetOf, type Target, type Targets } from '../schema/targets';

/** A record says otherwise than its writer thinks; the transaction is rolled back, and the records read. */
class NotMatched extends Error {}

export interface WriterOptions {
  readonly store: Store;
  readonly stream: string;
  readonly epoch: number;
  readonly deadLetters: DeadLetters;
}

/** One lane: its record, and the session on which its parts are written. */
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

  /** A transaction on the session of this lane. */
  run(body: (session: ClientSession) => Promise<void>, signal: AbortSignal): Promise<void> {
    return this.#session.run(body, signal);
  }

  /** How the record moves on with a part, if it is where the part expects it. */
  step({ expected, position, readAheadLimit }: LanePart): Conditional {
    const { epoch } = this.options;
    const filter = { _id: this.#id, epoch, sequence: expected };
    const $set = {
      sequence: expected + 1,
      ...(position !== null && { position: storePosition(position) }),
      ...(readAheadLimit && { aheadUntil: storePosition(readAheadLimit) }),
    };
    return { filter, update: { $set } };
  }

  /** Matches where the part was not written, and changes nothing. */
  touch({ expected }: LanePart): Conditional {
    const filter = { _id: this.#id, epoch: this.options.epoch, sequence: expected };
    return { filter, update: { $set: { confirmed: new Date() } } };
  }

  /** What a part says of rejected changes, and of rows that were behind. */
  async writeDeadLetters(
    { superseded, rejected }: LanePart,
    targets: Targets,
    session: ClientSession,
    signal: AbortSignal,
  ): Promise<void> {
    const { deadLetters, stream } = this.options;
    if (superseded?.length) await deadLetters.supersede(superseded, session, signal);
    if (rejected?.length)
      await deadLetters.write(stream, rejected, (name) => targetOf(targets, name).name, session, signal);
  }

  /** Further on: this part was written before, by a commit whose answer was lost. */
  async reread(part: LanePart, signal: AbortSignal): Promise<false> {
    const found = await confirmed('ledger', this.options, this.#id, signal);
    return judge(found, { ...this.options, expected: part.expected });
  }

  close(): void {
    this.#session.close();
  }
}

/** What one lane has in a step. */
export interface LaneShare {
  readonly lane: Lane;
  readonly part: LanePart;
}

export type LaneShares = readonly [LaneShare, ...LaneShare[]];

/** Parts of lanes as they are, in one transaction. Answers false when the ledger shows that they were written before. */
export async function writeParts(
  options: WriterOptions,
  shares: LaneShares,
  targets: Targets,
  signal: AbortSignal,
): Promise<boolean> {
  const write = (mode: Mode) => {
    const commands = commandsOf(shares, mode, targets);
    return inOneStep(options, shares, targets, signal, async (session) => {
      for (const command of commands) await runCommand(options.store.client, command, session, signal);
    });
  };
  return write(shares.every(({ part }) => part.pastOverlap) ? 'optimistic' : 'upsert').catch((error: unknown) => {
    // Several are not made to pay for what is in the way of one: that lane does it alone.
    if (error instanceof Obstructed && shares.length === 1) return write('exact');
    throw error;
  });
}

/**
 * Moves the records of these lanes on, runs `body` and writes dead letters, in one transaction on the session of the first:
 * the records name every session, so that a later claim finds the transaction on one of them. False when the ledger shows
 * that all this was written before.
 */
export async function inOneStep(
  { store, deadLetters }: WriterOptions,
  shares: LaneShares,
  targets: Targets,
  signal: AbortSignal,
  body: (session: ClientSession) => Promise<void>,
): Promise<boolean> {
  if (shares.some(({ part }) => part.rejected?.length)) await deadLetters.ready(signal);
  const steps = shares.map(({ lane, part }) => lane.step(part));
  return onRecords(store, shares, steps, signal, async (session) => {
    await body(session);
    for (const { lane, part } of shares) await lane.writeDeadLetters(part, targets, session, signal);
  });
}

/**
 * Makes sure that a step that was given up cannot come any more. This transaction has a higher number on the session of that one,
 * so that the server aborts it, or it was committed before: then false.
 */
export const undone = ({ store }: WriterOptions, shares: LaneShares, signal: AbortSignal): Promise<boolean> => {
  const touches = shares.map(({ lane, part }) => lane.touch(part));
  return onRecords(store, shares, touches, signal, () => Promise.resolve());
};

/** False when the ledger shows that the parts were written before. */
async function onRecords(
  store: Store,
  shares: LaneShares,
  records: readonly Conditional[],
  signal: AbortSignal,
  body: (session: ClientSession) => Promise<void>,
): Promise<boolean> {
  try {
    await shares[0].lane.run(async (session) => {
      // The first statement: the records move on, or nothing is written.
      if (!(await store.updateAll('ledger', records, signal, session))) throw new NotMatched();
      await body(session);
    }, signal);
    return true;
  } catch (error) {
    if (!(error instanceof NotMatched) && codeOf(error) !== 225) throw error;
    const looks = await Promise.allSettled(shares.map(({ lane, part }) => lane.reread(part, signal)));
    const failures = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason as Error] : []));
    // One of them that was taken explains the others.
    const failure = failures.find((each) => isReplicationError(each, 'fenced')) ?? failures[0];
    if (failure !== undefined) throw failure;
    return false;
  }
}

/** Which dead letter each rejected change of a part has. */
export const deadLettersOf = (stream: string, { rejected = [] }: LanePart): readonly string[] =>
  rejected.map(({ deadLetter, change }) => deadLetter ?? deadLetterId(stream, change, change.position));

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
  if (found !== null && found.epoch !== epoch) throw fencedBy(stream, found.epoch);
  if (found !== null && found.sequence > expected) return false;
  throw new ReplicationError('retry', {
    code: 'ledger_behind',
    message: `the ledger of stream ${stream} is not where this writer left it`,
    remedy: 'Nothing to do: the next leg reads it. If it repeats, was the destination restored while the stream ran?',
  });
}

function commandsOf(shares: LaneShares, mode: Mode, targets: Targets): Command[] {
  const target = (name: Namespace): Target => targetOf(targets, name);
  const [{ part }, ...more] = shares;
  const changes = more.length === 0 ? part.changes : shares.flatMap((share) => share.part.changes);
  return compose(changes, mode, (name) => target(name).wholeOrder).map(({ verb, namespace, documents, owners }) => ({
    verb,
    target: target(namespace),
    documents,
    owners,
  }));
}
