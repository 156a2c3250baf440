import type { DeltaChange } from '../model/change';
import type { Claim, RepairRequest } from '../ports/destination';
import type { Condition } from '../async/condition';
import type { Batch } from '../pump/low-water';
import type { Namespace } from '../model/namespace';
import type { Source } from '../ports/source';

const AT_ONCE = 500;
/** On a silent source the low water does not move, so its answers do not tell of new requests: the pump reads them by itself. */
const LOOK_EVERY_MS = 5_000;

export interface RepairsContext {
  readonly source: Pick<Source, 'keyOf'>;
  readonly claim: Pick<Claim, 'repairs' | 'repaired'>;
  readonly progressed: Condition;
  /** Changes can be routed now, and nothing that a lane has written lies beyond them. */
  readonly ready: () => boolean;
  /**
   * `there`: there is a target to write to. `gone`: the stream does not write this namespace. `later`: what became of it is still
   * to come in the stream.
   */
  readonly target: (namespace: Namespace) => Promise<'there' | 'gone' | 'later'>;
  /** Routes look-ups of these keys behind all that was routed before. Only while `ready`. */
  readonly push: (namespace: Namespace, keys: readonly DeltaChange['key'][]) => Batch;
  /** A read has found no requests. */
  readonly settled: () => void;
  readonly reading: AbortSignal;
  readonly writing: AbortSignal;
}

/** Gets fresh copies of the rows that verifications, replays and copies have asked for, through the lanes of their keys. */
export class Repairs {
  readonly #context: RepairsContext;
  #asked: number | null = null;
  #due = true;
  /** The last read found no requests, and none was made since. */
  #none = false;

  constructor(context: RepairsContext) {
    this.#context = context;
  }

  /** Nothing that was asked for is owed any more, as far as it has been told. */
  get none(): boolean {
    return this.#none;
  }

  /** How often repairs have been asked for until now. */
  asked(times: number): void {
    if (times === this.#asked) return;
    this.#asked = times;
    this.#due = true;
    this.#none = false;
    this.#context.progressed.notify();
  }

  async run(): Promise<void> {
    const { progressed, reading, ready } = this.#context;
    const ended = (): boolean => reading.aborted;
    while (!ended()) {
      await progressed.until(() => ended() || this.#due, LOOK_EVERY_MS);
      await progressed.until(() => ended() || ready());
      if (ended()) return;
      this.#due = false;
      await this.#read();
    }
  }

  async #read(): Promise<void> {
    const { claim, progressed, reading, settled, writing } = this.#context;
    const requests = await claim.repairs(AT_ONCE, writing);
    if (requests.length === 0) {
      this.#none = !this.#due;
      settled();
      return;
    }
    const batches: Batch[] = [];
    const done: RepairRequest[] = [];
    for (const [namespace, own] of byNamespace(requests)) {
      const target = await this.#context.target(namespace);
      if (target === 'later') continue;
      done.push(...own);
      if (target === 'gone') continue;
      const batch = await this.#route(namespace, own);
      if (batch === null) return;
      batches.push(batch);
    }
    await progressed.until(() => reading.aborted || batches.every(({ durable }) => durable));
    if (!batches.every(({ durable }) => durable)) return;
    await claim.repaired(
      done.map(({ id }) => id),
      writing,
    );
    // Again, until there are none; those that wait are read again after a while.
    this.#due ||= done.length > 0;
  }

  async #route(namespace: Namespace, requests: readonly RepairRequest[]): Promise<Batch | null> {
    const { progressed, push, reading, ready, source } = this.#context;
    const keys = requests.map(({ key }) => source.keyOf(key));
    while (!ready() || reading.aborted) {
      await progressed.until(() => reading.aborted || ready());
      if (reading.aborted) return null;
    }
    return push(namespace, keys);
  }
}

function byNamespace(requests: readonly RepairRequest[]): Map<Namespace, RepairRequest[]> {
  const groups = new Map<Namespace, RepairRequest[]>();
  for (const request of requests) {
    const own = groups.get(request.namespace);
    if (own) own.push(request);
    else groups.set(request.namespace, [request]);
  }
  return groups;
}
