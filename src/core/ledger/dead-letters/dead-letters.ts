import type { Key } from '../../model/change';
import type { DeadLetter, DeadLetterFilter, DeadLetterKey, DeadLetterState } from '../../model/dead-letter';
import type { Namespace } from '../../model/namespace';
import type { RejectedChange } from '../../ports/destination';
import type { RecordOp, StateRecord, StateStore } from '../../ports/state-store';
import type { FencedRecords } from '../claim';
import { scanAll } from '../records/context';
import { deadLetterOf, isBehind, deadLetterId, encodeRejected, matches, readBody, valueOf } from './dead-letter-record';
import { Keys } from '../records/keys';
import { following, replace } from '../records/records';
import { carriedOut, openDrops } from '../requests';

/** Bodies that are held at a time. */
const AT_ONCE = 20;

/** Changes that the destination has rejected, as the claim's holder keeps them. Lanes write those of their own rows in their steps. */
export class DeadLetters {
  constructor(
    private readonly fenced: FencedRecords,
    private readonly target: (namespace: Namespace) => Namespace,
  ) {}

  /** The records of a step that passes these changes, and the dead letter of each in order. */
  async passed(
    rejected: readonly RejectedChange[],
    signal: AbortSignal,
  ): Promise<{ readonly deadLetters: readonly string[]; readonly ops: readonly RecordOp[] }> {
    const { store, stream, keys, epoch, clock } = this.fenced.context;
    const ids = rejected.map((each) => each.deadLetter ?? deadLetterId(stream, each.change));
    const found = await store.get(
      ids.map((id) => keys.deadLetter(id)),
      signal,
    );
    const written = { now: new Date(clock.now()).toISOString(), bodyBytes: store.limits.bodyBytes };
    // One row may be rejected twice in a step: the second is written over the first.
    const latest = new Map(found.flatMap((record) => (record ? [[record.key, record]] : [])));
    const ops = rejected.map((each, at): RecordOp => {
      const key = keys.deadLetter(ids[at] ?? '');
      const before = latest.get(key) ?? null;
      const { value, body } = encodeRejected(each, this.target(each.change.namespace), before, written);
      const bare = before ?? { key, epoch, sequence: -1, generation: 0, value: null };
      const next = { ...following(bare, epoch, value), body };
      latest.set(key, next);
      return { op: 'put', expect: 'any', next };
    });
    // A step writes each record once.
    const last = new Map(ops.map((op) => [op.op === 'put' ? op.next.key : op.key, op]));
    return { deadLetters: ids, ops: [...last.values()] };
  }

  /** The records of a step that writes full states of the rows of these. */
  async superseded(ids: readonly string[], signal: AbortSignal): Promise<readonly RecordOp[]> {
    const { store, keys } = this.fenced.context;
    const found = await store.get(
      ids.map((id) => keys.deadLetter(id)),
      signal,
    );
    return found.flatMap((record) =>
      record && isBehind(valueOf(record).state)
        ? [{ ...this.#inState(record, 'superseded'), expect: 'any' as const }]
        : [],
    );
  }

  #inState(record: StateRecord, state: DeadLetterState): RecordOp & { readonly op: 'put' } {
    return this.#changed(record, { state });
  }

  #changed(record: StateRecord, change: object): RecordOp & { readonly op: 'put' } {
    const { epoch, clock } = this.fenced.context;
    const lastAt = new Date(clock.now()).toISOString();
    const value = { ...valueOf(record), ...change, lastAt };
    return replace(record, following(record, epoch, value));
  }

  /** Nothing of these namespaces is behind any more: they are gone, or are copied anew. */
  async supersede(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    await this.#change((record) => namespaces.includes(valueOf(record).namespace), { state: 'superseded' }, signal);
  }

  /** The rows of a namespace have another name now, at both sides. */
  async rename(
    from: Namespace,
    to: { readonly namespace: Namespace; readonly target: Namespace },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#change((record) => valueOf(record).namespace === from, to, signal);
  }

  /** Carries out requests to drop dead letters that are open. */
  async drop(signal: AbortSignal): Promise<number> {
    const { keys } = this.fenced.context;
    const drops = await openDrops(this.fenced, signal);
    const ids = new Set([...drops.keys()].map((id) => keys.deadLetter(id)));
    const asked = ({ key, value }: StateRecord): boolean =>
      ids.has(key) && (value as { readonly state?: unknown }).state === 'open';
    const dropped = ids.size === 0 ? 0 : await this.#change(asked, { state: 'dropped' }, signal);
    await carriedOut(this.fenced, [...drops.values()].flat(), signal);
    return dropped;
  }

  /** Those that are behind, where `chosen` says so; bodies are read again, because a scan has none. */
  async #change(chosen: (record: StateRecord) => boolean, change: object, signal: AbortSignal): Promise<number> {
    const { context, root } = this.fenced;
    const found: string[] = [];
    for await (const record of scanAll(context.store, context.keys.deadLetters, signal))
      if (isBehind(valueOf(record).state) && chosen(record)) found.push(record.key);
    for (let at = 0; at < found.length; at += AT_ONCE) {
      const records = await context.store.get(found.slice(at, at + AT_ONCE), signal);
      const ops = records.flatMap((record) => (record ? [this.#changed(record, change)] : []));
      await root.write(ops, signal);
    }
    return found.length;
  }
}

/** Reads dead letters without a claim. `keyOf`: how the format of the stream reads the bytes of a key. */
export class DeadLetterReader {
  readonly #keys: Keys;

  constructor(
    private readonly store: StateStore,
    private readonly stream: string,
    private readonly keyOf: (bytes: Buffer) => Key,
  ) {
    this.#keys = new Keys(stream);
  }

  /** Oldest first, at most `limit`. */
  async list(filter: DeadLetterFilter, limit: number, signal: AbortSignal): Promise<readonly DeadLetter[]> {
    const heads: StateRecord[] = [];
    for await (const record of scanAll(this.store, this.#keys.deadLetters, signal))
      if (matches(record, this.#idOf(record), filter)) heads.push(record);
    const text = (record: StateRecord): string => `${valueOf(record).firstAt} ${record.key}`;
    const oldest = heads.sort((a, b) => (text(a) < text(b) ? -1 : 1)).slice(0, limit);
    const list: DeadLetter[] = [];
    for (let at = 0; at < oldest.length; at += AT_ONCE) {
      const keys = oldest.slice(at, at + AT_ONCE).map(({ key }) => key);
      for (const found of await this.store.get(keys, signal))
        if (found) list.push(deadLetterOf(this.stream, this.#idOf(found), found));
    }
    return list;
  }

  async one(id: string, signal: AbortSignal): Promise<DeadLetter | null> {
    if (!/^[0-9a-f]+$/u.test(id)) return null;
    const [found] = await this.store.get([this.#keys.deadLetter(id)], signal);
    return found ? deadLetterOf(this.stream, id, found) : null;
  }

  /** Rows whose state at the destination is behind the source, at most `limit`. */
  async behind(limit: number, signal: AbortSignal): Promise<readonly DeadLetterKey[]> {
    const found: StateRecord[] = [];
    for await (const record of scanAll(this.store, this.#keys.deadLetters, signal)) {
      if (found.length === limit) break;
      if (isBehind(valueOf(record).state)) found.push(record);
    }
    const records = await this.store.get(
      found.map(({ key }) => key),
      signal,
    );
    return records.flatMap((record) => {
      if (!record) return [];
      const key = this.keyOf(readBody(record).key);
      return [{ deadLetter: this.#idOf(record), namespace: valueOf(record).namespace, key }];
    });
  }

  #idOf({ key }: StateRecord): string {
    return key.slice(this.#keys.deadLetters.length);
  }
}
