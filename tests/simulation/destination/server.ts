import type { SchemaChange } from '../../../src/core/model/change';
import { fenced, ReplicationError } from '../../../src/core/model/errors';
import type { Namespace, SourceNamespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type { RangeRecord, RepairAsk } from '../../../src/core/ports/destination';
import type { Witness } from '../witness';
import type {
  Fenced,
  LaneState,
  DeadLetterRecord,
  NamespaceRecord,
  RangeState,
  RepairRecord,
  RootRecord,
  Target,
} from './records';

/** A database that is written, as a list. Whatever one of its methods does is one atomic step. */
export class DestinationServer {
  readonly targets = new Map<Namespace, Target>();
  root: RootRecord | null = null;
  readonly lanes = new Map<number, LaneState>();
  ranges: RangeState[] = [];
  readonly namespaces = new Map<Namespace, NamespaceRecord>();
  readonly deadLetters = new Map<string, DeadLetterRecord>();
  readonly repairs = new Map<string, RepairRecord>();
  #made = 0;

  constructor(
    readonly witness: Witness,
    /** No two rows of a target share a value. */
    readonly unique: boolean,
  ) {}

  /** The stream's record, where it is this writer's. */
  rootOf(epoch: number): RootRecord {
    const root = this.root;
    if (root === null) throw missing();
    this.mustBe(root, epoch);
    return root;
  }

  /** Every write begins with this. */
  mustBe(record: Fenced, epoch: number): void {
    if (record.epoch !== epoch) throw fenced(`the record is at epoch ${record.epoch}`, record.epoch);
    this.witness.wrote(epoch);
  }

  raise(record: Fenced, epoch: number): void {
    if (record.epoch >= epoch) throw fenced(`the record is at epoch ${record.epoch}`, record.epoch);
    record.epoch = epoch;
  }

  record(source: Namespace): NamespaceRecord {
    let record = this.namespaces.get(source);
    if (record === undefined) {
      record = { source, identity: null, partial: false, unfollowed: false, parked: null };
      this.namespaces.set(source, record);
    }
    return record;
  }

  make(name: Namespace): Target {
    const target = { identity: `d${(this.#made += 1)}`, rows: new Map() };
    this.targets.set(name, target);
    return target;
  }

  drop(name: Namespace): void {
    this.targets.delete(name);
    this.witness.dropped(name);
  }

  /** Takes away what an earlier start has made that did not come to its end. */
  undo(): void {
    for (const name of [...this.targets.keys()]) this.drop(name);
    this.namespaces.clear();
  }

  get openRanges(): readonly RangeRecord[] {
    return this.ranges.flatMap(({ range, replaced }) => (replaced ? [] : [range]));
  }

  /** Makes what is missing, and records what is new. */
  prepare(epoch: number, namespaces: readonly SourceNamespace[]): void {
    const { lowWater } = this.rootOf(epoch);
    if (lowWater === null) this.undo();
    for (const { name, options } of namespaces) {
      const target = this.targets.get(name) ?? this.make(name);
      const record = this.record(name);
      // The source has no such namespace by now, so that no copy has brought its rows.
      record.partial = options.length === 0 && (record.identity === null || record.partial);
      record.identity ??= target.identity;
      record.unfollowed = false;
    }
  }

  /** The targets of these go, with what is remembered of them. */
  remove(epoch: number, namespaces: readonly Namespace[]): void {
    this.rootOf(epoch);
    for (const name of namespaces) {
      this.drop(name);
      this.record(name).identity = null;
    }
    this.supersede((name) => namespaces.includes(name));
  }

  /** Another number of lanes, all of them level. */
  layout(epoch: number, lanes: number, readAheadLimit: Position | null): void {
    const root = this.rootOf(epoch);
    root.lanes = lanes;
    for (let lane = 0; lane < lanes; lane += 1) {
      const { sequence } = this.lanes.get(lane) ?? { sequence: 0 };
      this.lanes.set(lane, { epoch, lane, sequence, position: root.lowWater, readAheadLimit });
    }
  }

  /** One that was asked for again meanwhile stays. */
  repaired(epoch: number, ids: readonly string[]): void {
    this.rootOf(epoch);
    for (const id of ids) {
      const colon = id.indexOf(':');
      const open = id.slice(colon + 1);
      if (this.repairs.get(open)?.times === Number(id.slice(0, colon))) this.repairs.delete(open);
    }
  }

  /** Dead letters of these are closed: they are gone, or copied anew. */
  supersede(isOne: (namespace: Namespace) => boolean): void {
    for (const letter of this.deadLetters.values()) if (isOne(letter.namespace)) letter.state = 'superseded';
  }

  ask(asks: readonly RepairAsk[]): void {
    if (this.root === null) throw missing();
    for (const ask of asks) {
      const id = `${ask.namespace} ${ask.key.id}`;
      const known = this.repairs.get(id);
      if (known) known.times += 1;
      else this.repairs.set(id, { ask, times: 1 });
    }
    this.root.repairs += 1;
  }

  alter(epoch: number, change: SchemaChange, position: Position): void {
    const root = this.rootOf(epoch);
    if (root.barrier !== null && JSON.stringify(root.barrier.position) === JSON.stringify(position)) return;
    root.barrier = { position, state: 'done' };
    this.witness.altered(position);
    const { namespace, op, to } = change;
    if (op === 'create') this.#created(namespace);
    else if (op === 'drop') this.#dropped(namespace);
    else if (op === 'rename' && to !== undefined) this.#renamed(namespace, to);
  }

  #created(name: Namespace): void {
    const target = this.targets.get(name) ?? this.make(name);
    Object.assign(this.record(name), { identity: target.identity, partial: false });
  }

  #dropped(name: Namespace): void {
    this.drop(name);
    Object.assign(this.record(name), { identity: null, partial: false });
    this.supersede((namespace) => namespace === name);
  }

  #renamed(name: Namespace, to: Namespace): void {
    const target = this.targets.get(name);
    this.#dropped(to);
    if (target !== undefined) {
      this.targets.delete(name);
      this.targets.set(to, target);
      this.witness.renamed(name, to);
    }
    const { partial } = this.record(name);
    Object.assign(this.record(to), { identity: target?.identity ?? null, partial });
    Object.assign(this.record(name), { identity: null, partial: false });
    for (const letter of this.deadLetters.values())
      if (letter.namespace === name && letter.state === 'open') letter.namespace = to;
    // What was asked for is asked for under the new name: no leg reads a row under the old one.
    for (const [id, { ask, times }] of [...this.repairs]) {
      if (ask.namespace !== name) continue;
      this.repairs.delete(id);
      this.repairs.set(`${to} ${ask.key.id}`, { ask: { ...ask, namespace: to }, times });
    }
  }
}

export const missing = (): ReplicationError =>
  new ReplicationError('needs_attention', { code: 'ledger_missing', message: 'there is no ledger' });
