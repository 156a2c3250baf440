import type { SchemaChange } from '../../../src/core/model/change';
import type { DeadLetterKey } from '../../../src/core/model/dead-letter';
import { fenced } from '../../../src/core/model/errors';
import type { Finding } from '../../../src/core/model/finding';
import type { Namespace, SourceNamespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type {
  Advanced,
  Claim,
  BackfillKind,
  LanePart,
  LaneRecord,
  Ledger,
  LoadPart,
  Parked,
  RangeRecord,
  RepairAsk,
  RepairRequest,
  Written,
} from '../../../src/core/ports/destination';
import type { Range } from '../../../src/core/ports/source';
import type { Host } from '../host';
import type { Wire } from '../wire';
import { ledgerOf, parkedOf } from './ledger';
import { move, planRanges, rangeAt, type Progress } from './ranges';
import type { NamespaceRecord } from './records';
import type { DestinationServer } from './server';
import { loadRows, writeParts } from './steps';

/** The right to write, and every call that goes with it. */
export class ListClaim implements Claim {
  readonly isBuilding = false;
  #ledger: Ledger;

  private constructor(
    private readonly server: DestinationServer,
    private readonly host: Host,
    private readonly wire: Wire,
    private readonly epoch: number,
    ledger: Ledger,
  ) {
    this.#ledger = ledger;
  }

  /** Every record is raised by a call of its own, and only then are all of them read. */
  static async open(server: DestinationServer, host: Host, wire: Wire, epoch: number, signal: AbortSignal) {
    const ask = <T>(name: string, serve: () => T): Promise<T> => wire.call(host, name, serve, { signal });
    const lanes = await ask('claim', () => {
      const { root } = server;
      if (root === null) throw new RangeError('there is no ledger to claim');
      server.raise(root, epoch);
      return [...server.lanes.values()];
    });
    await Promise.all(lanes.map((lane) => ask('claim lane', () => server.raise(lane, epoch))));
    const ledger = await ask('claim ledger', () => {
      for (const range of server.ranges) if (range.epoch < epoch) range.epoch = epoch;
      const held = [server.root, ...server.lanes.values()].find((record) => record?.epoch !== epoch);
      if (held) throw fenced('another claim came in between', held.epoch);
      server.witness.claimed(epoch);
      return ledgerOf(server, epoch);
    });
    return new ListClaim(server, host, wire, epoch, ledger);
  }

  #ask<T>(name: string, serve: () => T, signal: AbortSignal, withinMs?: number): Promise<T> {
    return this.wire.call(this.host, name, serve, { signal, withinMs, repeats: true });
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  prepare(namespaces: readonly SourceNamespace[], signal: AbortSignal): Promise<void> {
    return this.#ask('prepare', () => this.server.prepare(this.epoch, namespaces), signal);
  }

  discard(namespace: Namespace, signal: AbortSignal): Promise<void> {
    return this.#ask('discard', () => this.server.remove(this.epoch, [namespace]), signal);
  }

  plan(ranges: ReadonlyMap<Namespace, readonly Range[]>, signal: AbortSignal): Promise<readonly RangeRecord[]> {
    return this.#ask('plan', () => planRanges(this.server, this.epoch, ranges, null), signal);
  }

  planBackfill(
    namespaces: ReadonlyMap<Namespace, { readonly estimatedRows: number }>,
    mode: BackfillKind,
    signal: AbortSignal,
  ): Promise<readonly RangeRecord[]> {
    const ranges = new Map<Namespace, readonly Range[]>();
    for (const [name, { estimatedRows }] of namespaces) ranges.set(name, [{ from: null, to: null, estimatedRows }]);
    return this.#ask('plan backfill', () => planRanges(this.server, this.epoch, ranges, mode), signal);
  }

  progressed(range: RangeRecord, next: Progress, signal: AbortSignal): Promise<RangeRecord> {
    const serve = (): RangeRecord => {
      const state = rangeAt(this.server, this.epoch, range);
      return state === null ? { ...range, ...next, sequence: range.sequence + 1 } : move(state, next);
    };
    return this.#ask('progressed', serve, signal);
  }

  copied(namespace: Namespace, overlapEnd: Position, signal: AbortSignal): Promise<void> {
    return this.#ask(
      'copied',
      () => {
        this.server.rootOf(this.epoch);
        for (const state of this.server.ranges)
          if (state.range.namespace === namespace && !state.replaced) state.range = { ...state.range, overlapEnd };
      },
      signal,
    );
  }

  async park(parked: readonly Parked[], signal: AbortSignal): Promise<void> {
    const reasons = new Map(parked.map(({ namespace, ...reason }) => [namespace, reason]));
    await this.#mark([...reasons.keys()], (record) => (record.parked ??= reasons.get(record.source) ?? null), signal);
  }

  unpark(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    return this.#mark(namespaces, (record) => (record.parked = null), signal);
  }

  unfollow(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    return this.#mark(namespaces, (record) => Object.assign(record, { unfollowed: true, parked: null }), signal);
  }

  async #mark(names: readonly Namespace[], mark: (record: NamespaceRecord) => void, signal: AbortSignal) {
    if (names.length === 0) return;
    const parked = await this.#ask(
      'mark',
      () => {
        this.server.rootOf(this.epoch);
        for (const name of names) mark(this.server.record(name));
        return parkedOf(this.server);
      },
      signal,
    );
    this.#ledger = { ...this.#ledger, parked };
  }

  remove(namespaces: readonly Namespace[], signal: AbortSignal): Promise<void> {
    if (namespaces.length === 0) return Promise.resolve();
    return this.#ask('remove', () => this.server.remove(this.epoch, namespaces), signal);
  }

  load({ range, rows, after, done, withinMs }: LoadPart, signal: AbortSignal): Promise<Written> {
    return this.#ask('load', () => loadRows(this.server, this.epoch, range, rows, { after, done }), signal, withinMs);
  }

  add(): Promise<number> {
    return Promise.reject(new RangeError('no namespace of the list is copied once'));
  }

  async apply(part: LanePart, signal: AbortSignal): Promise<Written> {
    const [written] = await this.#ask(
      'apply',
      () => writeParts(this.server, this.epoch, [part], false),
      signal,
      part.withinMs,
    );
    return written as Written;
  }

  applyGroup(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]> {
    return this.#ask(
      'apply group',
      () => writeParts(this.server, this.epoch, parts, false),
      signal,
      parts[0]?.withinMs,
    );
  }

  rewriteConflicts(parts: readonly LanePart[], signal: AbortSignal): Promise<readonly Written[]> {
    return this.#ask(
      'rewrite conflicts',
      () => writeParts(this.server, this.epoch, parts, true),
      signal,
      parts[0]?.withinMs,
    );
  }

  behind(limit: number, signal: AbortSignal): Promise<readonly DeadLetterKey[]> {
    return this.#ask(
      'behind',
      () =>
        [...this.server.deadLetters.values()]
          .flatMap(({ id, namespace, key, state }) => (state === 'open' ? [{ deadLetter: id, namespace, key }] : []))
          .slice(0, limit),
      signal,
    );
  }

  begin(position: Position, signal: AbortSignal): Promise<void> {
    return this.#ask(
      'begin',
      () => {
        const root = this.server.rootOf(this.epoch);
        Object.assign(root, { lowWater: position, sequence: root.sequence + 1, barrier: null });
        for (const lane of this.server.lanes.values()) Object.assign(lane, { position: null, readAheadLimit: null });
        this.server.witness.begun();
      },
      signal,
    );
  }

  advance(position: Position, signal: AbortSignal): Promise<Advanced> {
    return this.#ask(
      'advance',
      () => {
        const root = this.server.rootOf(this.epoch);
        root.lowWater = position;
        root.sequence += 1;
        this.server.witness.advanced(position);
        return { sequence: root.sequence, repairs: root.repairs };
      },
      signal,
    );
  }

  inexpressible(): string | null {
    return null;
  }

  alter(change: SchemaChange, position: Position, signal: AbortSignal): Promise<void> {
    return this.#ask('alter', () => this.server.alter(this.epoch, change, position), signal);
  }

  layout(lanes: number, readAheadLimit: Position | null, signal: AbortSignal): Promise<readonly LaneRecord[]> {
    const serve = (): readonly LaneRecord[] => {
      this.server.layout(this.epoch, lanes, readAheadLimit);
      return ledgerOf(this.server, this.epoch).lanes;
    };
    return this.#ask('layout', serve, signal);
  }

  index(): Promise<void> {
    return Promise.resolve();
  }

  repairs(limit: number, signal: AbortSignal): Promise<readonly RepairRequest[]> {
    return this.#ask(
      'repairs',
      () =>
        [...this.server.repairs].slice(0, limit).map(([id, { ask, times }]) => {
          const { namespace, key, reason } = ask;
          return { id: `${times}:${id}`, namespace, key: key.bytes, reason };
        }),
      signal,
    );
  }

  ask(asks: readonly RepairAsk[], signal: AbortSignal): Promise<void> {
    return this.#ask('ask', () => this.server.ask(asks), signal);
  }

  repaired(ids: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#ask('repaired', () => this.server.repaired(this.epoch, ids), signal);
  }

  build(_inStep: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  wholeOrder(): boolean {
    return false;
  }

  holds(namespace: Namespace): boolean {
    const record = this.server.namespaces.get(namespace);
    return record?.identity != null && !record.partial;
  }

  derive(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  leftOver(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  derives(): boolean {
    return false;
  }

  convert(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  finalize(): Promise<readonly Finding[]> {
    return Promise.resolve([]);
  }

  /** A simulated destination has one stream, which shares its targets with none. */
  release(): Promise<void> {
    return Promise.resolve();
  }
}
