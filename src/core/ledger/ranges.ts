import type { BackfillKind, RangeRecord } from '../ports/destination';
import type { Namespace } from '../model/namespace';
import type { Position } from '../model/position';
import type { Range } from '../ports/source';
import type { RecordOp, StateRecord } from '../ports/state-store';
import type { FencedRecords } from './claim';
import { put, type Put } from './records/own-records';
import { ledgerBehind } from './records/context';
import { nameCodec, rangeCodec, type PutOp } from './records/records';

export interface Plan {
  /** No ranges: there is nothing to copy any more. */
  readonly ranges: ReadonlyMap<Namespace, readonly Range[]>;
  readonly backfill: BackfillKind | null;
}

export type Progress = Pick<RangeRecord, 'after' | 'done' | 'rows' | 'bytes'>;

/** What is to be copied, and how far that is. A namespace names the generation of its ranges; those of another one do not count. */
export class Ranges {
  constructor(private readonly fenced: FencedRecords) {}

  /** Those in force, in the order of their numbers. */
  get records(): readonly RangeRecord[] {
    const { own, context } = this.fenced;
    const inForce = this.#generations();
    return own
      .under(`${context.keys.own}range:`)
      .map((record) => ({ record, state: own.read(record, rangeCodec) }))
      .filter(({ record, state }) => inForce.get(state.namespace) === record.generation)
      .map(({ record, state }) => ({ ...state, sequence: record.sequence }))
      .sort((a, b) => a.number - b.number);
  }

  #generations(): ReadonlyMap<Namespace, number> {
    const { own, context } = this.fenced;
    const copies = own.under(`${context.keys.own}copy:`);
    return new Map(copies.map((record) => [own.read(record, nameCodec).namespace, record.generation]));
  }

  /**
   * Takes the place of what was planned for these namespaces before. Ranges first, then the names of what is planned, then the record
   * of the stream, which decides for all of them at once; only then does each namespace name its new generation.
   */
  async plan({ ranges, backfill }: Plan, signal: AbortSignal): Promise<readonly RangeRecord[]> {
    await this.finish(signal);
    const { context, own, root } = this.fenced;
    const generation = context.generations.next();
    let number = root.state.ranges;
    const planned = [...ranges].flatMap(([namespace, list]) =>
      list.map((range) => {
        const key = context.keys.range(generation, number);
        return put(key, rangeCodec, newRange(number++, namespace, range, backfill), { generation });
      }),
    );
    const names = [...ranges.keys()].map((namespace) =>
      put(context.keys.plan(generation, namespace), nameCodec, { namespace }, { generation }),
    );
    await own.write(() => [...planned, ...names], signal);
    await root.move((state) => ({ ...state, plan: generation, ranges: number }), signal);
    await this.finish(signal);
    return this.records;
  }

  /** Brings a plan that is decided to all of its namespaces; the next claim does where this one ended before. */
  async finish(signal: AbortSignal): Promise<void> {
    const { context, own, root } = this.fenced;
    const { plan } = root.state;
    if (plan === null) return;
    const names = own
      .under(`${context.keys.own}plan:`)
      .filter(({ generation }) => generation === plan)
      .map((record) => own.read(record, nameCodec).namespace);
    const copies = names.map((namespace) =>
      put(context.keys.copy(namespace), nameCodec, { namespace }, { generation: plan }),
    );
    await own.write(() => copies, signal);
    await root.move((state) => ({ ...state, plan: null }), signal);
    await this.collect(signal);
  }

  /** Removes ranges that do not count, and names of plans that have reached their namespaces. */
  async collect(signal: AbortSignal): Promise<void> {
    const { context, own } = this.fenced;
    const inForce = this.#generations();
    const dead = [
      ...own.under(`${context.keys.own}plan:`),
      ...own
        .under(`${context.keys.own}range:`)
        .filter((record) => inForce.get(own.read(record, rangeCodec).namespace) !== record.generation),
    ];
    const keys = dead.map(({ key }) => key);
    if (keys.length > 0) await own.remove(() => keys, signal);
  }

  /** Records how far the copy of a range is; what lies before is durable. */
  async progressed(range: RangeRecord, progress: Progress, signal: AbortSignal): Promise<RangeRecord> {
    await this.fenced.own.write(() => (this.isDone(range) ? [] : [this.#progress(range, progress)]), signal);
    return { ...range, ...progress, sequence: range.sequence + 1 };
  }

  /** Progress from here was recorded before, by a write whose answer was lost. */
  isDone(range: RangeRecord): boolean {
    return this.#recordOf(range).sequence > range.sequence;
  }

  /** The same as a record of a step; once that is written, it has to be noted. */
  progress(range: RangeRecord, progress: Progress, needs: RecordOp[]): PutOp {
    return this.fenced.own.op(this.#progress(range, progress), needs);
  }

  #progress(range: RangeRecord, progress: Progress): Put {
    return put(this.#recordOf(range).key, rangeCodec, stateOf(range, progress));
  }

  /** The copy of a namespace inside the stream is complete; updates up to `overlapEnd` are still read again. */
  async copied(namespace: Namespace, overlapEnd: Position, signal: AbortSignal): Promise<void> {
    const make = (): readonly Put[] =>
      this.records
        .filter((range) => range.namespace === namespace)
        .map((range) => put(this.#recordOf(range).key, rangeCodec, { ...stateOf(range, range), overlapEnd }));
    await this.fenced.own.write(make, signal);
  }

  #recordOf({ namespace, number, sequence }: RangeRecord): StateRecord {
    const { own, context } = this.fenced;
    const { generation = 0 } = own.get(context.keys.copy(namespace)) ?? {};
    const record = own.get(context.keys.range(generation, number));
    // A later plan took its place, or it was never planned by this claim's ledger.
    if (record === undefined || record.sequence < sequence) throw ledgerBehind(context.stream);
    return record;
  }
}

const newRange = (number: number, namespace: Namespace, range: Range, backfill: BackfillKind | null) => ({
  number,
  namespace,
  from: range.from,
  to: range.to,
  after: null,
  done: false,
  rows: 0,
  bytes: 0,
  estimatedRows: range.estimatedRows,
  backfill,
  overlapEnd: null,
});

const stateOf = ({ sequence: _sequence, ...range }: RangeRecord, { after, done, rows, bytes }: Progress) => ({
  ...range,
  // A batch without rows has no last key: the place before it stands.
  after: after ?? range.after,
  done,
  rows,
  bytes,
});
