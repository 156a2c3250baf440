import { inParallel } from '../../async/in-parallel';
import type { Key } from '../../model/change';
import { fenced } from '../../model/errors';
import type { Namespace } from '../../model/namespace';
import type { Json } from '../../model/position';
import type { Range } from '../../ports/source';
import type { RecordOp, StateRecord, StateStore } from '../../ports/state-store';
import type {
  ComparedRange,
  Difference,
  DifferencesFilter,
  Findings,
  NamespaceRows,
  NotVerified,
  Rechecked,
  Verification,
} from '../../ports/verification';
import { listAll, scanAll, type LedgerClock } from '../records/context';
import { digest, Keys, rowText } from '../records/keys';
import {
  differenceOf,
  encodeCompared,
  findingsOf,
  readCompared,
  readDifference,
  rowsByNamespace,
  runOf,
  type DifferenceValue,
  type RunState,
} from './verification-record';

/** Runs whose findings can still be read. */
const KEPT_RUNS = 5;
/** No claim holds these records: the run is the only one that writes them. */
const UNCLAIMED = 0;

export interface VerificationOptions {
  readonly store: StateStore;
  readonly stream: string;
  readonly run: string;
  readonly clock: Pick<LedgerClock, 'now'>;
  /** How the format of the stream reads the bytes of a key. */
  readonly keyOf: (bytes: Buffer) => Key;
}

/** The records of one run: they belong to it alone, and the same finding has the same key however often it is written. */
export class VerificationRecords implements Omit<Verification, 'readProgress' | 'layout'> {
  readonly #keys: Keys;
  readonly #own: string;

  constructor(private readonly options: VerificationOptions) {
    this.#keys = new Keys(options.stream);
    this.#own = this.#keys.run(options.run);
  }

  get #ranges(): string {
    return `${this.#own}range:`;
  }

  get #differences(): string {
    return `${this.#own}key:`;
  }

  #keyOfRange(number: number): string {
    return `${this.#ranges}${String(number).padStart(10, '0')}`;
  }

  #keyOfDifference({ namespace, key }: Pick<Difference, 'namespace' | 'key'>): string {
    return `${this.#differences}${digest(namespace)}:${digest(rowText(namespace, key))}`;
  }

  async plan(
    ranges: ReadonlyMap<Namespace, readonly Range[]>,
    notVerified: readonly NotVerified[],
    signal: AbortSignal,
  ): Promise<void> {
    const key = `${this.#own}run`;
    if ((await this.#get(key, signal)) !== null) return;
    let number = 0;
    const planned = [...ranges].flatMap(([namespace, list]) =>
      list.map((range) => newCompared(number++, namespace, range)),
    );
    // One that was begun and not finished may have other ranges: they are written over.
    await inParallel(await listAll(this.options.store, this.#ranges, signal), (old) => this.#remove(old, signal));
    await inParallel(planned, (range) => this.#add(this.#keyOfRange(range.number), encodeCompared(range), signal));
    // The last step: from here on the plan counts.
    const run: RunState = { run: this.options.run, planned: this.#time(), notVerified, verdict: null, ended: null };
    await this.#add(key, run as unknown as Json, signal);
  }

  async openRanges(signal: AbortSignal): Promise<readonly ComparedRange[]> {
    return (await this.#compared(signal)).filter(({ done }) => !done);
  }

  async #compared(signal: AbortSignal): Promise<readonly ComparedRange[]> {
    return (await listAll(this.options.store, this.#ranges, signal)).map(readCompared);
  }

  /** One that is known, as after a crash, keeps what is known of it. */
  async note(differences: readonly Difference[], signal: AbortSignal): Promise<void> {
    await inParallel(differences, async ({ key, ...value }) => {
      await this.#add(this.#keyOfDifference({ key, ...value }), { ...value }, signal, key.bytes);
    });
  }

  async advance(from: ComparedRange, to: ComparedRange, signal: AbortSignal): Promise<void> {
    const { after, done, sourceRows, destinationRows, unlisted } = to;
    const key = this.#keyOfRange(from.number);
    const value = encodeCompared({ ...from, after, done, sourceRows, destinationRows, unlisted });
    const next = { ...unclaimed(key, value), sequence: from.sequence + 1 };
    const expect = { epoch: UNCLAIMED, sequence: from.sequence };
    if ((await this.options.store.write({ op: 'put', expect, next }, signal)) === 'stale')
      throw fenced(`another activity compares ${from.namespace} for ${this.options.stream}`);
  }

  async differences(
    { state, below = Infinity }: DifferencesFilter,
    { limit, after }: { readonly limit: number; readonly after: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly list: readonly Difference[]; readonly last: string | null }> {
    const { store, keyOf } = this.options;
    const found: string[] = [];
    for await (const record of scanAll(store, this.#differences, signal, after)) {
      if (found.length === limit) break;
      const { state: now, rounds } = differenceOf(record);
      if (now === state && rounds < below) found.push(record.key);
    }
    const records = await store.get(found, signal);
    const list = records.flatMap((record) => (record ? [readDifference(record, keyOf)] : []));
    return { list, last: found.at(-1) ?? null };
  }

  async resolve(rechecked: readonly Rechecked[], signal: AbortSignal): Promise<void> {
    await inParallel(rechecked, async ({ difference, outcome, kind }) => {
      const record = await this.#get(this.#keyOfDifference(difference), signal);
      if (record === null) return;
      if (outcome === 'cleared') return this.#remove(record, signal);
      await this.#change(record, { state: outcome, kind, rounds: difference.rounds }, signal);
    });
  }

  async reopen(signal: AbortSignal): Promise<void> {
    const heads = await listAll(this.options.store, this.#differences, signal);
    await inParallel(heads, async ({ key }) => {
      const record = await this.#get(key, signal);
      if (record !== null) await this.#change(record, { state: 'suspect', rounds: 0 }, signal);
    });
  }

  async #change(record: StateRecord, change: Partial<DifferenceValue>, signal: AbortSignal): Promise<void> {
    const value = { ...differenceOf(record), ...change };
    await this.#replace(record, value, signal);
  }

  async listed(signal: AbortSignal): Promise<number> {
    return (await listAll(this.options.store, this.#differences, signal)).length;
  }

  async findings(signal: AbortSignal): Promise<Findings> {
    const differences = await listAll(this.options.store, this.#differences, signal);
    return findingsOf(await this.#compared(signal), differences.map(differenceOf));
  }

  async rowsOf(limit: number, signal: AbortSignal): Promise<readonly NamespaceRows[]> {
    return rowsByNamespace(await this.#compared(signal)).slice(0, limit);
  }

  async conclude(verdict: string, signal: AbortSignal): Promise<void> {
    const record = await this.#get(`${this.#own}run`, signal);
    if (record !== null) await this.#replace(record, { ...runOf(record), verdict, ended: this.#time() }, signal);
    const runs: StateRecord[] = [];
    for await (const found of scanAll(this.options.store, this.#keys.verification, signal))
      if (found.key.endsWith(':run')) runs.push(found);
    const old = runs.sort((a, b) => (runOf(a).planned < runOf(b).planned ? 1 : -1)).slice(KEPT_RUNS);
    for (const { key } of old)
      for (const found of await listAll(this.options.store, key.slice(0, -'run'.length), signal))
        await this.#remove(found, signal);
  }

  #time(): string {
    return new Date(this.options.clock.now()).toISOString();
  }

  async #get(key: string, signal: AbortSignal): Promise<StateRecord | null> {
    return (await this.options.store.get([key], signal))[0] ?? null;
  }

  /** One that is there already stays. */
  async #add(key: string, value: Json, signal: AbortSignal, body?: Buffer): Promise<void> {
    const next = { ...unclaimed(key, value), ...(body && { body }) };
    await this.options.store.write({ op: 'put', expect: 'absent', next }, signal);
  }

  /** Stale: written by a try whose answer was lost, with the same outcome. */
  async #replace(record: StateRecord, value: object, signal: AbortSignal): Promise<void> {
    const next = { ...record, sequence: record.sequence + 1, value: value as Json };
    const op: RecordOp = { op: 'put', expect: { epoch: record.epoch, sequence: record.sequence }, next };
    await this.options.store.write(op, signal);
  }

  async #remove({ key, epoch, sequence }: StateRecord, signal: AbortSignal): Promise<void> {
    await this.options.store.write({ op: 'remove', key, expect: { epoch, sequence } }, signal);
  }
}

const unclaimed = (key: string, value: Json): StateRecord => ({
  key,
  epoch: UNCLAIMED,
  sequence: 0,
  generation: 0,
  value,
});

const newCompared = (number: number, namespace: Namespace, { from, to, estimatedRows }: Range): ComparedRange => ({
  number,
  namespace,
  sequence: 0,
  from,
  to,
  after: null,
  done: false,
  estimatedRows,
  sourceRows: 0,
  destinationRows: 0,
  unlisted: 0,
});
