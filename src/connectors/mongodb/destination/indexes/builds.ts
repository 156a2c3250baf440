import type { Binary, MongoClient } from 'mongodb';
import { abortable } from '../../../../core/async/abortable';
import { systemClock } from '../../../../host/clock';
import { classify, isPassing } from '../../errors';
import type { Log } from '../../../../core/ports/connector';
import { Condition } from '../../../../core/async/condition';
import type { Namespace } from '../../../../core/model/namespace';
import type { Fence } from '../ledger/fence';
import { isUnique, specification, type Index } from './index-specs';
import type { Namespaces } from '../schema/namespaces';
import { placeIndex } from './place-index';
import type { PendingIndex } from '../ledger/records';
import { onIndexes } from './target-indexes';

/** A build that so many legs have not lived to see the end of is left to `finalize`, which waits for it. */
const TRIES = 6;
/** Times that a unique index may meet a value twice while the stream is in step: lanes are not level at every moment. */
const VIOLATIONS = 4;
/** How often it is checked whether the stream is in step, where a unique index waits for that. */
const LOOK_EVERY_MS = 500;
const PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

interface Task {
  readonly source: Namespace;
  readonly identity: string;
  readonly raw: Binary;
  readonly index: Index;
}

/** What a server is asked for. */
interface Build {
  readonly task: Task;
  readonly running: Promise<void>;
  /** Halted on purpose. The namespace's `pending` then tells what becomes of the index: built by the next leg, or dropped. */
  halted: boolean;
}

/**
 * Builds indexes while lanes write: a build takes as long as it takes, and rows do not wait for it. What is to be built
 * stands in the namespace's record before the schema change that asks for it counts as done.
 */
export class Builds {
  readonly #progressed = new Condition(systemClock);
  /** Tried in this leg: a try counts once for each leg. */
  readonly #tried = new Set<string>();
  /** How often a unique index has met a value twice in this leg, and when it is tried again. */
  readonly #violated = new Map<string, { readonly times: number; readonly againAt: number }>();
  #turn: Promise<unknown> = Promise.resolve();
  #underWay: Build | null = null;

  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly log: Log,
  ) {}

  get isUnderWay(): boolean {
    return this.#underWay !== null;
  }

  /** Nothing here changes records while `work` does; a build under way goes on. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#progressed.notify();
    }
  }

  /**
   * Ends a build of one of these namespaces (of this index, where one is named), inside `exclusively`. A target that goes
   * while an index is on its way would be made anew for it.
   */
  async halt(sources: readonly Namespace[], signal: AbortSignal, index?: string): Promise<void> {
    const build = this.#underWay;
    if (build === null) return;
    const { task, running } = build;
    if (!sources.includes(task.source) || (index !== undefined && index !== task.index.name)) return;
    build.halted = true;
    // The server gives up what it is building; where it does not, its end is waited for.
    const target = this.namespaces.nameOf(task.source);
    await onIndexes(this.client, target, 'dropIndexes', { index: task.index.name }, signal).catch((error: unknown) =>
      this.log('debug', 'index_build_goes_on', { code: classify(error, DESTINATION).code }),
    );
    await abortable(
      running.catch(() => undefined),
      signal,
    );
  }

  /** There may be something to build. */
  look(): void {
    this.#progressed.notify();
  }

  /** Until the signal aborts, or a later claim has taken over. Unique indexes wait until the stream is `inStep`. */
  async run(pastOverlap: () => boolean, signal: AbortSignal): Promise<void> {
    const wake = (): void => this.look();
    signal.addEventListener('abort', wake);
    const stopped = (): boolean => signal.aborted;
    const next = (): Task | undefined => this.#owedTasks().find((task) => this.#isDue(task, pastOverlap));
    let failures = 0;
    try {
      while (!stopped()) {
        const waiting = this.#owedTasks().length > 0;
        await this.#progressed.until(() => stopped() || next() !== undefined, waiting ? LOOK_EVERY_MS : undefined);
        const task = next();
        if (stopped() || task === undefined) continue;
        try {
          await this.#build(task, signal);
          failures = 0;
        } catch (error) {
          if (stopped() || classify(error, DESTINATION).kind === 'fenced') return;
          await systemClock.sleep(Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** failures++), signal);
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #owedTasks(): readonly Task[] {
    return this.namespaces
      .all()
      .flatMap(({ source, identity, pending = [] }) =>
        identity === null
          ? []
          : pending.map(({ index: raw }) => ({ source, identity, raw, index: specification(raw.buffer) })),
      );
  }

  #isDue(task: Task, pastOverlap: () => boolean): boolean {
    if (!isUnique(task.index)) return true;
    return performance.now() >= (this.#violated.get(idOf(task))?.againAt ?? 0) && pastOverlap();
  }

  /** A row of a lane that is behind may still hold what another one has taken over. */
  #isTriedAgain(task: Task): boolean {
    const times = (this.#violated.get(idOf(task))?.times ?? 0) + 1;
    this.#violated.set(idOf(task), { times, againAt: performance.now() + PAUSE_MS * 2 ** (times - 1) });
    return times < VIOLATIONS;
  }

  async #build(task: Task, signal: AbortSignal): Promise<void> {
    const { source, index } = task;
    const about = { namespace: source, index: index.name };
    const started = performance.now();
    const build = await this.#begin(task, signal);
    if (build === null) return;
    try {
      await build.running;
      if (build.halted) return;
      this.log('info', 'index_built', { ...about, durationMs: Math.round(performance.now() - started) });
    } catch (error) {
      if (build.halted) return;
      const failure = classify(error, { role: 'destination', namespace: source });
      if (isPassing(failure)) throw failure;
      if (failure.code === 'duplicate_key' && this.#isTriedAgain(task)) {
        this.log('info', 'index_waits', about);
        return;
      }
      this.log('warn', 'index_refused', { ...about, code: failure.code });
    }
    await this.exclusively(() => this.#replace(task, [], signal));
  }

  /** Counts the try and asks the server; null when there is nothing to build any more. */
  async #begin(task: Task, signal: AbortSignal): Promise<Build | null> {
    const id = idOf(task);
    return this.exclusively(async () => {
      const owed = this.#owed(task);
      if (owed === undefined) return null;
      if (!this.#tried.has(id)) {
        this.#tried.add(id);
        const postponed = owed.tries >= TRIES;
        await this.#replace(task, postponed ? [] : [{ ...owed, tries: owed.tries + 1 }], signal);
        if (postponed) {
          this.log('warn', 'index_postponed', { namespace: task.source, index: task.index.name });
          return null;
        }
      }
      await this.fence.check(signal);
      this.log('info', 'index_build_started', { namespace: task.source, index: task.index.name });
      const build: Build = { task, running: this.#create(task, signal), halted: false };
      this.#underWay = build;
      build.running.catch(() => undefined).finally(() => (this.#underWay = null));
      return build;
    });
  }

  async #create({ source, index }: Task, signal: AbortSignal): Promise<void> {
    const target = this.namespaces.nameOf(source);
    const log = (event: string, fields: object): void => this.log('info', event, { namespace: source, ...fields });
    await placeIndex({ client: this.client, target, keepOld: false, wanted: [], log }, index, signal);
  }

  #owed({ source, identity, raw }: Task): PendingIndex | undefined {
    const record = this.namespaces.get(source);
    if (record?.identity !== identity) return undefined;
    return record.pending?.find(({ index }) => isSame(index, raw));
  }

  async #replace(task: Task, by: readonly PendingIndex[], signal: AbortSignal): Promise<void> {
    const owed = this.#owed(task);
    const record = this.namespaces.get(task.source);
    if (owed === undefined || record === undefined) return;
    const others = (record.pending ?? []).filter((each) => each !== owed);
    await this.namespaces.save([{ ...record, pending: [...by, ...others] }], signal);
  }
}

const idOf = ({ identity, index }: Task): string => `${identity}/${index.name}`;

const DESTINATION = { role: 'destination' } as const;

const isSame = (a: Binary, b: Binary): boolean => Buffer.compare(a.buffer, b.buffer) === 0;
