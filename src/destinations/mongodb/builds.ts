import type { Binary, MongoClient } from 'mongodb';
import { classify } from '../../mongodb/errors';
import type { Log } from '../../replication/connector';
import { Gate, pause } from '../../replication/gate';
import { splitNamespace, type Namespace } from '../../replication/namespace';
import { runDdl, type Identities } from './ddl';
import type { Fence } from './fence';
import { specification, type Index } from './index-specs';
import type { Namespaces } from './namespaces';
import type { NamespaceDocument, PendingIndex } from './records';
import { dropCollection, present } from './targets';

/** A build that so many legs have not lived to see the end of is left to `finalize`, which waits for it. */
const TRIES = 6;
const PAUSE_MS = 1_000;
const PAUSE_MAX_MS = 30_000;

interface Task {
  readonly source: Namespace;
  readonly identity: string;
  readonly raw: Binary;
  readonly index: Index;
}

/**
 * Builds indexes beside the lanes: a build takes as long as it takes, and rows do not wait for it. What is to be built
 * stands in the namespace's record before the schema change that asks for it counts as done.
 */
export class Builds {
  readonly #moved = new Gate();
  /** Tried in this leg: a try counts once for each leg. */
  readonly #tried = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: MongoClient,
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly identities: Identities,
    private readonly log: Log,
  ) {}

  /** Nothing here changes records while `work` does; a build under way goes on. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      this.#moved.open();
    }
  }

  /** Until the signal aborts, or a later claim has taken over. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#moved.open();
    signal.addEventListener('abort', wake);
    const stopped = (): boolean => signal.aborted;
    let failures = 0;
    try {
      while (!stopped()) {
        await this.#moved.until(() => stopped() || this.#next() !== undefined);
        const task = this.#next();
        if (stopped() || task === undefined) continue;
        try {
          await this.#build(task, signal);
          failures = 0;
        } catch (error) {
          if (stopped() || classify(error, { role: 'destination' }).kind === 'fenced') return;
          await pause(signal, Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** failures++));
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  #next(): Task | undefined {
    for (const { source, identity, pending = [] } of this.namespaces.all()) {
      const [first] = pending;
      if (identity !== null && first !== undefined)
        return { source, identity, raw: first.index, index: specification(first.index.buffer) };
    }
    return undefined;
  }

  async #build(task: Task, signal: AbortSignal): Promise<void> {
    if (!(await this.#begin(task, signal))) return;
    const { source, index } = task;
    const about = { namespace: source, index: index.name };
    const started = performance.now();
    await this.fence.check(signal);
    try {
      this.log('info', 'index_build_started', about);
      const { database, collection } = splitNamespace(this.namespaces.nameOf(source));
      const reply = await runDdl(this.client, database, { createIndexes: collection, indexes: [index] }, signal);
      // The target went while this was on its way, and the server has made another one for the index.
      if (reply['createdCollectionAutomatically'] === true) await this.#removeStray(task, signal);
      this.log('info', 'index_built', { ...about, durationMs: Math.round(performance.now() - started) });
    } catch (error) {
      const failure = classify(error, { role: 'destination', namespace: source });
      if (isPassing(failure)) throw failure;
      this.log('warn', 'index_refused', { ...about, code: failure.code });
    }
    await this.#change(task, () => [], signal);
  }

  /** Counts the try; false when there is nothing to build any more. */
  async #begin(task: Task, signal: AbortSignal): Promise<boolean> {
    const id = `${task.identity}/${task.index.name}`;
    if (this.#tried.has(id)) return this.#owed(task) !== undefined;
    this.#tried.add(id);
    let go = false;
    await this.#change(
      task,
      (owed) => {
        go = owed.tries < TRIES;
        if (!go) this.log('warn', 'index_postponed', { namespace: task.source, index: task.index.name });
        return go ? [{ ...owed, tries: owed.tries + 1 }] : [];
      },
      signal,
    );
    return go;
  }

  #owed({ source, identity, raw }: Task): PendingIndex | undefined {
    const record = this.namespaces.get(source);
    if (record?.identity !== identity) return undefined;
    return record.pending?.find(({ index }) => isSame(index, raw));
  }

  async #change(
    task: Task,
    change: (owed: PendingIndex) => readonly PendingIndex[],
    signal: AbortSignal,
  ): Promise<void> {
    await this.exclusively(async () => {
      const owed = this.#owed(task);
      const record = this.namespaces.get(task.source);
      if (owed === undefined || record === undefined) return;
      const others = (record.pending ?? []).filter((each) => each !== owed);
      const next: NamespaceDocument = { ...record, pending: [...change(owed), ...others] };
      await this.namespaces.save([next], signal);
    });
  }

  async #removeStray({ source }: Task, signal: AbortSignal): Promise<void> {
    const target = this.namespaces.nameOf(source);
    const now = (await present(this.client, [target], signal)).get(target);
    if (now === undefined || now.identity === this.namespaces.get(source)?.identity) return;
    await this.fence.check(signal);
    await dropCollection(this.client, target, await this.identities.guard(now.identity, signal), signal);
  }
}

const isSame = (a: Binary, b: Binary): boolean => Buffer.compare(a.buffer, b.buffer) === 0;

/** Worth waiting for, or the end of this writer; everything else is a refusal, which must not hold up the rows. */
export const isPassing = ({ kind, code }: { readonly kind: string; readonly code: string }): boolean =>
  kind === 'fenced' || (kind === 'retry' && code !== 'server_error');
