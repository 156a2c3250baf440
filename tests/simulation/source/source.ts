import { Replacement, type Change, type EncodedRow, type Key, type SchemaChange } from '../../../src/core/model/change';
import { ReplicationError } from '../../../src/core/model/errors';
import type { Derived, Namespace, SourceNamespace } from '../../../src/core/model/namespace';
import type { Position } from '../../../src/core/model/position';
import type {
  Cut,
  CutOptions,
  HistoryWindow,
  Range,
  RowBatch,
  Size,
  Source,
  SourceEvent,
  StreamOptions,
} from '../../../src/core/ports/source';
import type { Random } from '../../chaos/random';
import type { Host } from '../host';
import type { Traits } from '../plan';
import { keyOfBytes } from '../rows';
import type { Wire } from '../wire';
import { Decoder, type Read } from './events';
import { order, positionOf, tokenOf } from './position';
import type { Entry, SourceServer, Table } from './server';

const OPTIONS = Buffer.from('{}');

/** How a process reads the list-backed source. */
export class ListSource implements Source {
  constructor(
    private readonly server: SourceServer,
    private readonly host: Host,
    private readonly wire: Wire,
    readonly list: Traits,
    private readonly random: Random,
  ) {}

  get traits() {
    const { positions, updates } = this.list;
    return { kind: 'list', encoding: 'bson', positions, deltas: updates === 'patch' } as const;
  }

  #ask<T>(name: string, serve: () => T, signal: AbortSignal): Promise<T> {
    return this.wire.call(this.host, name, serve, { signal });
  }

  inspect(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  namespaces(signal: AbortSignal): Promise<readonly SourceNamespace[]> {
    return this.#ask(
      'namespaces',
      () => [...this.server.tables].flatMap(([name, table]) => (this.selects(name) ? (told(name, table) ?? []) : [])),
      signal,
    );
  }

  namespace(name: Namespace, signal: AbortSignal): Promise<SourceNamespace | null> {
    return this.#ask('namespace', () => told(name, this.server.tables.get(name)), signal);
  }

  derived(): Promise<Derived> {
    return Promise.resolve({ list: [], covers: () => false });
  }

  selects(name: Namespace): boolean {
    return name.startsWith('shop.');
  }

  shape({ identity, namespace, to }: SchemaChange, signal: AbortSignal): Promise<SourceNamespace | null> {
    const serve = (): SourceNamespace | null => {
      const found = identity === undefined ? undefined : this.server.byIdentity(identity);
      const name = found?.[0] ?? to ?? namespace;
      return identity === undefined || found !== undefined ? told(name, this.server.tables.get(name)) : null;
    };
    return this.#ask('shape', serve, signal);
  }

  currentPosition(signal: AbortSignal): Promise<Position> {
    return this.#ask('current position', () => positionOf(this.server.end), signal);
  }

  order(a: Position, b: Position) {
    return order(a, b);
  }

  describe(position: Position): string {
    return JSON.stringify(position.token);
  }

  timeOf(): number | null {
    return null;
  }

  keyOf(row: EncodedRow): Key {
    return keyOfBytes(row);
  }

  size(name: Namespace, signal: AbortSignal): Promise<Size> {
    return this.#ask(
      'size',
      () => ({ estimatedRows: this.server.tables.get(name)?.rows.size ?? 0, estimatedBytes: 0 }),
      signal,
    );
  }

  /** In two halves where there are rows enough. */
  ranges({ name }: SourceNamespace, _options: CutOptions, signal: AbortSignal): Promise<Cut> {
    return this.#ask(
      'ranges',
      () => {
        const keys = [...(this.server.tables.get(name)?.rows.keys() ?? [])].sort();
        const middle = keys.length > 2 ? Buffer.from(keys[keys.length >> 1] ?? '', 'latin1') : null;
        const whole = { from: null, to: null, estimatedRows: keys.length };
        const ranges =
          middle === null
            ? [whole]
            : [
                { ...whole, to: middle },
                { ...whole, from: middle },
              ];
        return { ranges, estimatedRows: keys.length, estimatedBytes: 0 };
      },
      signal,
    );
  }

  async *rows(
    namespace: Namespace,
    { from, to }: Range,
    { after, batchSize }: { readonly after: Buffer | null; readonly since: Position; readonly batchSize: number },
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch> {
    for (let at = after; ;) {
      const page = at;
      const rows = await this.#ask(
        'rows',
        () => pageOf(this.server.tables.get(namespace)?.rows, { from, to, after: page }, batchSize),
        signal,
      );
      if (rows.length === 0) return;
      at = keyOfBytes(rows.at(-1) as Buffer).bytes;
      yield { rows, bytes: rows.reduce((sum, row) => sum + row.length, 0), last: at };
    }
  }

  async *added(): AsyncGenerator<RowBatch> {
    // No namespace of the list is `copy_only`.
  }

  fetch(
    namespace: Namespace,
    keys: readonly Key[],
    _since: Position,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, EncodedRow>> {
    return this.#ask('fetch', () => found(this.server.tables.get(namespace), keys), signal);
  }

  async *stream(from: Position, options: StreamOptions, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const decoder = new Decoder(from, this.list, options, (name) => this.selects(name));
    while (!signal.aborted) {
      const read = await this.#ask('stream', () => this.#read(decoder.at, options.batchSize), signal);
      yield* decoder.events(read);
      if (read.length === 0) await this.#more(decoder.at, 100 + this.random.next() * 900, signal);
    }
  }

  #read(at: readonly number[], most: number): Read[] {
    const { logs, forgotten } = this.server;
    if (at.some((index) => index < forgotten)) throw historyLost();
    const next = [...at];
    const read: Read[] = [];
    while (read.length < most) {
      const ready = logs.flatMap((log, number) => (log.length > (next[number] ?? 0) ? [number] : []));
      if (ready.length === 0) break;
      // One transaction is told before another log is read.
      const amid = ready.find((number) => isAmid(logs[number]?.[(next[number] ?? 0) - 1]));
      const log = amid ?? this.random.pick(ready);
      const entry = logs[log]?.[next[log] ?? 0];
      if (entry === undefined) break;
      next[log] = entry.index;
      const { what } = entry;
      const now = what.type === 'row' ? this.server.byIdentity(what.identity)?.[1].rows.get(what.key) : undefined;
      read.push({ log, entry, now: now ?? null });
    }
    return read;
  }

  /** Until there is more, or for so long. */
  #more(at: readonly number[], ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const { end } = this.server;
      const wake = (): void => {
        timer[Symbol.dispose]();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = this.host.clock.timer(end.some((index, log) => index > (at[log] ?? 0)) ? 0 : ms, wake);
      this.server.whenMore(() => this.host.deliver(wake));
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async lookup(changes: readonly Change[], maxBytes: number, signal: AbortSignal): Promise<readonly Change[]> {
    const rows = await this.#ask('lookup', () => changes.map((change) => this.#now(change)), signal);
    const bytes = rows.reduce((sum, row) => sum + (row?.length ?? 0), 0);
    if (changes.length > 1 && bytes > maxBytes)
      throw new ReplicationError('retry', { code: 'too_much', message: 'rows are too large together' });
    return changes.map((change, index): Change => {
      const row = rows[index] ?? null;
      if (row !== null) return new Replacement(change, row);
      const { namespace, key, sourceTimeMs, bytes: size, position, identity } = change;
      return { op: 'delete', namespace, key, sourceTimeMs, bytes: size, position, identity };
    });
  }

  /** Of the table that it was, whatever that is called by now. */
  #now({ namespace, identity, key }: Change): EncodedRow | null {
    const table = identity ? this.server.byIdentity(identity)?.[1] : this.server.tables.get(namespace);
    return table?.rows.get(key.id) ?? null;
  }

  check(position: Position, signal: AbortSignal): Promise<void> {
    return this.#ask(
      'check',
      () => {
        if (tokenOf(position).some((index) => index < this.server.forgotten)) throw historyLost();
      },
      signal,
    );
  }

  window(): Promise<HistoryWindow> {
    return Promise.resolve({ oldestMs: 0, newestMs: 0, keepsMs: null });
  }

  release(): Promise<void> {
    return Promise.resolve();
  }

  drop(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const isAmid = (last: Entry | undefined): boolean => last !== undefined && last.index < last.commit;

const historyLost = (): ReplicationError =>
  new ReplicationError('needs_attention', { code: 'history_lost', message: 'the log was forgotten' });

const told = (name: Namespace, table: Table | undefined): SourceNamespace | null =>
  table === undefined ? null : { ...PLAIN, name, identity: table.identity };

const PLAIN = {
  follows: 'stream',
  options: OPTIONS,
  indexes: [],
  wholeOrder: false,
  losesRows: false,
} as const;

const found = (table: Table | undefined, keys: readonly Key[]): Map<string, EncodedRow> =>
  new Map(
    keys.flatMap(({ id }) => {
      const row = table?.rows.get(id);
      return row === undefined ? [] : [[id, row] as const];
    }),
  );

/** Rows of an interval in the order of their keys. */
export function pageOf(
  rows: ReadonlyMap<string, EncodedRow> | undefined,
  interval: { from: Buffer | null; to: Buffer | null; after: Buffer | null; upTo?: Buffer | null },
  most: number,
): EncodedRow[] {
  if (rows === undefined) return [];
  const text = (bound: Buffer | null | undefined): string | null => bound?.toString('latin1') ?? null;
  const [from, to, after, upTo] = [text(interval.from), text(interval.to), text(interval.after), text(interval.upTo)];
  return [...rows.keys()]
    .filter(
      (id) =>
        (from === null || id >= from) &&
        (to === null || id < to) &&
        (after === null || id > after) &&
        (upTo === null || id <= upTo),
    )
    .sort()
    .slice(0, most)
    .map((id) => rows.get(id) as EncodedRow);
}
