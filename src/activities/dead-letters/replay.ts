import { setTimeout as pause } from 'node:timers/promises';
import type { ReplayCall, ReplayProgress, ReplayResult } from '../../protocol/dead-letter-replay';
import type { Destination, RepairAsk } from '../../core/ports/destination';
import type { DeadLetterFilter, DeadLetterSummary } from '../../core/model/dead-letter';
import { runCall, type Call } from '../call';
import type { ActivityDeps } from '../deps';
import { openDestination } from '../open-destination';

/** Dead letters that are replayed and awaited together. */
const AT_ONCE = 500;
const POLL_MS = 100;
const POLL_MAX_MS = 2_000;

type Outcome = 'superseded' | 'refused' | 'dropped' | 'untouched';

/** What became of a dead letter since its replay began; null while it is open. */
function outcomeOf({ state, attempts }: DeadLetterSummary, attemptsBefore: number, left: number): Outcome | null {
  if (state !== 'open') return state;
  if (attempts > attemptsBefore) return 'refused';
  // Nothing is asked for any more, so that this one was passed over.
  return left === 0 ? 'untouched' : null;
}

class Replay {
  readonly #destination: Destination;
  readonly #stream: string;
  readonly #signal: AbortSignal;
  readonly #tally: { -readonly [K in keyof ReplayProgress]: ReplayProgress[K] };

  constructor(destination: Destination, { spec, settled }: ReplayCall, signal: AbortSignal) {
    this.#destination = destination;
    this.#stream = spec.stream.id;
    this.#signal = signal;
    const { superseded, dropped } = settled;
    this.#tally = { letters: superseded + dropped, superseded, dropped, refused: 0, untouched: 0 };
  }

  get progress(): ReplayProgress {
    return { ...this.#tally };
  }

  async run(filter: ReplayCall['filter']): Promise<void> {
    // Ids alone, and all of them first: a cursor would not outlive a stream that pauses meanwhile.
    const ids: string[] = [];
    const match: DeadLetterFilter = { ...filter, stream: this.#stream, state: 'open' };
    for await (const { deadLetter: letter } of this.#destination.deadLetterKeys(match, this.#signal)) ids.push(letter);
    this.#tally.letters += ids.length;
    for (let at = 0; at < ids.length; at += AT_ONCE) await this.#batch(ids.slice(at, at + AT_ONCE));
  }

  async #batch(ids: readonly string[]): Promise<void> {
    const open = await this.#letters(ids);
    // Noted before asking: a rejected copy that comes at once could not be told from the one before.
    const attempts = new Map(open.map((letter) => [letter.id, letter.attempts]));
    const asks: RepairAsk[] = [];
    const match: DeadLetterFilter = { stream: this.#stream, state: 'open', ids };
    for await (const { namespace, key } of this.#destination.deadLetterKeys(match, this.#signal)) {
      asks.push({ namespace, key, reason: 'replay' });
    }
    await this.#destination.askRepairs(this.#stream, asks, this.#signal);
    for (let wait = POLL_MS; attempts.size > 0; wait = Math.min(POLL_MAX_MS, wait * 2)) {
      await this.#look(attempts);
      if (attempts.size > 0) await pause(wait, undefined, { signal: this.#signal });
    }
  }

  async #look(attempts: Map<string, number>): Promise<void> {
    // Count first, read second: a dead letter that is closed in between is seen by the next round.
    const left = await this.#destination.repairsLeft(this.#stream, this.#signal);
    const found = await this.#letters([...attempts.keys()]);
    const there = new Set(found.map(({ id }) => id));
    // Dead letters that a person deleted from the collection by hand count as dropped.
    for (const id of [...attempts.keys()].filter((each) => !there.has(each))) {
      attempts.delete(id);
      this.#tally.dropped += 1;
    }
    for (const letter of found) {
      const outcome = outcomeOf(letter, attempts.get(letter.id) ?? 0, left);
      if (outcome === null) continue;
      attempts.delete(letter.id);
      this.#tally[outcome] += 1;
    }
  }

  #letters(ids: readonly string[]): Promise<readonly DeadLetterSummary[]> {
    return this.#destination.deadLetters({ stream: this.#stream, ids }, ids.length, this.#signal);
  }
}

async function replayed(deps: ActivityDeps, call: ReplayCall, running: Call): Promise<ReplayResult> {
  const { signal } = running;
  await using destination = await openDestination(deps, call.spec);
  const replay = new Replay(destination, call, signal);
  running.report(() => replay.progress);
  try {
    await replay.run(call.filter);
    return { reason: 'done', progress: replay.progress };
  } catch (error) {
    if (!signal.aborted) throw error;
    return { reason: running.reason(), progress: replay.progress };
  }
}

export const replayLetters =
  (deps: ActivityDeps) =>
  (call: ReplayCall): Promise<ReplayResult> =>
    runCall(deps, call.spec.stream.id, (running) => replayed(deps, call, running));
