import type { Change, SchemaChange } from '../../src/core/model/change';
import { ReplicationError } from '../../src/core/model/errors';
import { reached, type Position } from '../../src/core/model/position';
import type { Range, Source, SourceEvent, StreamOptions } from '../../src/core/ports/source';

/** One write as the suite names it: `key` to `value`, or the removal of `key`. */
export interface Write {
  readonly in: string;
  readonly key: number;
  readonly value: number | null;
}

/** A source under test, with verbs that write to it. `name`s are short; the fixture makes namespaces of them. */
export interface SourceFixture extends AsyncDisposable {
  readonly source: Source;
  namespace(name: string): string;
  create(name: string): Promise<void>;
  drop(name: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Inserts the key or sets its value; null removes it. */
  write(...writes: readonly Write[]): Promise<void>;
  /** The same in one transaction. */
  transaction(...writes: readonly Write[]): Promise<void>;
  fill(name: string, keys: readonly number[]): Promise<void>;
  /** Something that happens at the source and that the stream does not follow. */
  elsewhere(): Promise<void>;
  /** What a change says: the value where it holds the row. */
  read(change: Change): { readonly key: number; readonly value: number | undefined };
  readKey(row: Buffer): number;
}

export const DELTAS: StreamOptions = { overlapEnd: null, updates: 'delta', batchSize: 100 };

export type Seen = Exclude<SourceEvent, { type: 'part' }>;

/** Reads the stream until `enough` says so, then aborts it. */
export async function collect(
  source: Source,
  from: Position,
  enough: (events: readonly SourceEvent[]) => boolean,
  options: StreamOptions = DELTAS,
): Promise<SourceEvent[]> {
  const abort = new AbortController();
  const events: SourceEvent[] = [];
  const late = setTimeout(() => abort.abort(), 30_000);
  try {
    for await (const event of source.stream(from, options, abort.signal)) {
      events.push(event);
      if (enough(events)) break;
    }
  } finally {
    clearTimeout(late);
    abort.abort();
  }
  if (!enough(events)) throw new Error(`the stream ended early: ${events.map(({ type }) => type).join(' ')}`);
  return events;
}

export const changesOf = (events: readonly SourceEvent[]): Change[] =>
  events.flatMap((event) => (event.type === 'commit' || event.type === 'part' ? event.changes : []));

export const schemaOf = (events: readonly SourceEvent[]): SchemaChange[] =>
  events.flatMap((event) => (event.type === 'schema' ? [event.change] : []));

export const positionOf = (event: SourceEvent): Position | null => (event.type === 'part' ? null : event.position);

/** Everything from `from` to the source's present. */
export async function untilHere(source: Source, from: Position, options = DELTAS): Promise<SourceEvent[]> {
  const here = await source.currentPosition(AbortSignal.timeout(10_000));
  return await collect(
    source,
    from,
    (events) => events.some((event) => event.type !== 'part' && reached(source.order(event.position, here))),
    options,
  );
}

export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof ReplicationError ? `${error.kind} ${error.code}` : String(error);
}

export async function keysIn(
  { source, readKey }: Pick<SourceFixture, 'source' | 'readKey'>,
  namespace: string,
  range: Range,
  options: { readonly after: Buffer | null; readonly since: Position; readonly batchSize: number },
): Promise<number[]> {
  const keys: number[] = [];
  for await (const batch of source.rows(namespace, range, options, soon())) keys.push(...batch.rows.map(readKey));
  return keys;
}

/** What every source promises. */
export function describeSource(name: string, open: () => Promise<SourceFixture>): void {
  describe(`the source ${name}`, () => {
    let fixture: SourceFixture;
    let source: Source;
    const told = (changes: readonly Change[]) =>
      changes.map((change) => ({ op: change.op, namespace: change.namespace, ...fixture.read(change) }));

    beforeEach(async () => {
      fixture = await open();
      source = fixture.source;
    });

    afterEach(() => fixture[Symbol.asyncDispose]());

    it('yields every change in order, with its key, time and size', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      const before = Date.now();
      await fixture.write(
        { in: 'a', key: 1, value: 10 },
        { in: 'a', key: 2, value: 20 },
        { in: 'a', key: 1, value: 11 },
      );
      await fixture.write({ in: 'a', key: 2, value: null });
      const changes = changesOf(await untilHere(source, from));
      const namespace = fixture.namespace('a');
      expect(told(changes)).toEqual([
        { op: 'insert', namespace, key: 1, value: 10 },
        { op: 'insert', namespace, key: 2, value: 20 },
        {
          op: source.traits.deltas ? 'update' : 'replace',
          namespace,
          key: 1,
          value: source.traits.deltas ? undefined : 11,
        },
        { op: 'delete', namespace, key: 2, value: undefined },
      ]);
      const [first, second, third] = changes;
      expect(first?.key.id).toBe(third?.key.id);
      expect(first?.key.hash).toBe(third?.key.hash);
      expect(first?.key.id).not.toBe(second?.key.id);
      for (const change of changes) {
        expect(change.bytes).toBeGreaterThan(0);
        expect(Math.abs(change.sourceTimeMs - before)).toBeLessThan(60_000);
      }
    });

    it('resumes from every position without loss or repeat', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      for (let key = 0; key < 6; key++) await fixture.write({ in: 'a', key, value: key });
      await fixture.transaction(...[6, 7, 8, 9].map((key) => ({ in: 'a', key, value: key })));
      await fixture.write({ in: 'a', key: 10, value: 10 });
      const events = await untilHere(source, from, { ...DELTAS, batchSize: 3 });
      const all = changesOf(events).map((change) => fixture.read(change).key);
      expect(all).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      let seen = 0;
      for (const event of events) {
        if (event.type === 'commit' || event.type === 'part') seen += event.changes.length;
        if (event.type === 'part') continue;
        const stored = JSON.parse(JSON.stringify(event.position)) as Position;
        const again = changesOf(await untilHere(source, stored)).map((change) => fixture.read(change).key);
        expect(again).toEqual(all.slice(seen));
      }
      if (source.traits.positions !== 'change') return;
      for (const [index, { position }] of changesOf(events).entries()) {
        const again = changesOf(await untilHere(source, position)).map((change) => fixture.read(change).key);
        expect(again).toEqual(all.slice(index + 1));
      }
    });

    it('orders its positions as it yields them, and tells nothing of another history', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      for (let key = 0; key < 5; key++) await fixture.write({ in: 'a', key, value: key });
      await fixture.transaction({ in: 'a', key: 5, value: 5 }, { in: 'a', key: 6, value: 6 });
      const events = await untilHere(source, from, { ...DELTAS, batchSize: 2 });
      const positions = [from, ...events.map(positionOf).filter((each) => each !== null)];
      positions.forEach((a, i) => {
        expect(source.order(a, a)).toBe('same');
        expect(JSON.stringify(a).length).toBeLessThan(4_096);
        expect(source.describe(a)).not.toBe('');
        positions.slice(i + 1).forEach((b) => expect(['before', 'same']).toContain(source.order(a, b)));
      });
      if (source.traits.positions === 'change') {
        const places = changesOf(events).map(({ position }) => position);
        places.slice(1).forEach((b, i) => expect(source.order(places[i]!, b)).toBe('before'));
      }
      expect(source.order(from, { ...from, history: 'set:other' })).toBe('apart');
    });

    it('refuses a position of another history', async () => {
      const here = await source.currentPosition(soon());
      const elsewhere = { ...here, history: 'set:other' };
      expect(await codeOf(collect(source, elsewhere, () => true))).toBe('needs_attention other_history');
    });

    it('moves its position in silence, and passes here() when idle', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      const here = await source.currentPosition(soon());
      const events = await collect(source, from, (list) =>
        list.some((event) => event.type === 'idle' && reached(source.order(event.position, here))),
      );
      expect(changesOf(events)).toEqual([]);
      await fixture.elsewhere();
      const later = await untilHere(source, from);
      expect(changesOf(later)).toEqual([]);
      expect(source.order(positionOf(later.at(-1)!)!, from)).toBe('after');
    });

    it('covers with here() every write before the call', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      for (let round = 0; round < 3; round++) {
        await fixture.transaction({ in: 'a', key: 2 * round, value: 1 }, { in: 'a', key: 2 * round + 1, value: 1 });
        expect(changesOf(await untilHere(source, from))).toHaveLength(2 * (round + 1));
      }
    });

    it('starts at here() with what is written after it', async () => {
      await fixture.create('a');
      await fixture.write({ in: 'a', key: 1, value: 1 });
      const from = await source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 2, value: 2 });
      expect(told(changesOf(await untilHere(source, from))).map(({ key }) => key)).toEqual([2]);
    });

    it('commits what precedes a schema change before it', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 1, value: 1 });
      await fixture.rename('a', 'b');
      await fixture.write({ in: 'b', key: 2, value: 2 });
      await fixture.drop('b');
      const events = (await untilHere(source, from)).filter(({ type }) => type !== 'idle');
      expect(events.map(({ type }) => type)).toEqual(['commit', 'schema', 'commit', 'schema']);
      const [rename, drop] = schemaOf(events);
      expect(rename).toMatchObject({ op: 'rename', namespace: fixture.namespace('a'), to: fixture.namespace('b') });
      expect(drop).toMatchObject({ op: 'drop', namespace: fixture.namespace('b') });
      const resumed = await untilHere(source, positionOf(events[1]!)!);
      expect(changesOf(resumed).map((change) => fixture.read(change).key)).toEqual([2]);
      expect(schemaOf(resumed).map(({ op }) => op)).toEqual(['drop']);
    });

    it('marks updates of the overlap, and all of them when rows are asked for', async () => {
      if (!source.traits.deltas) return;
      await fixture.create('a');
      await fixture.write({ in: 'a', key: 1, value: 0 });
      const from = await source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 1, value: 1 });
      const inStepAfter = await source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 1, value: 2 });
      const marks = async (options: Partial<StreamOptions>) =>
        changesOf(await untilHere(source, from, { ...DELTAS, ...options })).map(
          (change) => change.op === 'update' && change.needsLookup,
        );
      expect(await marks({})).toEqual([false, false]);
      expect(await marks({ overlapEnd: inStepAfter })).toEqual([true, false]);
      expect(await marks({ updates: 'row' })).toEqual([true, true]);
    });

    it('looks rows up as they are now: replaced or gone', async () => {
      await fixture.create('a');
      const from = await source.currentPosition(soon());
      await fixture.write({ in: 'a', key: 1, value: 1 }, { in: 'a', key: 2, value: 1 }, { in: 'a', key: 1, value: 2 });
      await fixture.write({ in: 'a', key: 2, value: null });
      const changes = changesOf(await untilHere(source, from));
      const found = await source.lookup(changes, Infinity, soon());
      expect(told(found).map(({ op, key, value }) => [op, key, value])).toEqual([
        ['replace', 1, 2],
        ['delete', 2, undefined],
        ['replace', 1, 2],
        ['delete', 2, undefined],
      ]);
      found.forEach((change, index) => {
        expect(change.key.id).toBe(changes[index]?.key.id);
        expect(source.order(change.position, changes[index]!.position)).toBe('same');
      });
      expect(await source.lookup([], Infinity, soon())).toEqual([]);
    });

    it.each([
      ['for every key', false],
      ['for the keys of a moment', true],
    ])('cuts ranges %s that cover every row once, and resumes them exactly', async (_, closed) => {
      await fixture.create('big');
      const keys = Array.from({ length: 5_000 }, (_, index) => index);
      await fixture.fill('big', keys);
      const since = await source.currentPosition(soon());
      const namespace = (await source.namespaces(soon())).find(({ name }) => name === fixture.namespace('big'))!;
      expect(namespace).toMatchObject({ follows: 'stream' });
      const wanted: number[] = [];
      const count = (rows: number): number => {
        wanted.push(rows);
        return 4;
      };
      const { ranges, ...size } = await source.ranges(namespace, { count, since: closed ? since : null }, soon());
      expect(wanted).toEqual([keys.length]);
      expect(size).toEqual(await source.size(namespace.name, soon()));
      expect(size.estimatedRows).toBe(keys.length);
      expect(ranges.length).toBeGreaterThan(1);
      if (!closed) expect([ranges[0]?.from, ranges.at(-1)?.to]).toEqual([null, null]);
      const all: number[] = [];
      for (const range of ranges)
        all.push(...(await keysIn(fixture, namespace.name, range, { after: null, since, batchSize: 1000 })));
      expect(all).toEqual(keys);
      for (const range of ranges) {
        for await (const batch of source.rows(namespace.name, range, { after: null, since, batchSize: 700 }, soon())) {
          const last = fixture.readKey(batch.rows.at(-1)!);
          expect(batch.bytes).toBe(batch.rows.reduce((sum, row) => sum + row.length, 0));
          const rest = await keysIn(fixture, namespace.name, range, { after: batch.last, since, batchSize: 5000 });
          const end = range.to === null ? keys.length : fixture.readKey(range.to);
          expect([rest[0] ?? end, rest.length]).toEqual([last + 1, end - last - 1]);
          break;
        }
      }
    });

    it.each([
      ['in a row', 1],
      ['far apart', 1_000],
    ])('cuts ranges of about the same size, with keys that lie %s', async (_, apart) => {
      await fixture.create('big');
      const keys = Array.from({ length: 5_000 }, (_row, index) => index * apart);
      await fixture.fill('big', keys);
      const since = await source.currentPosition(soon());
      const namespace = (await source.namespaces(soon())).find(({ name }) => name === fixture.namespace('big'))!;
      const { ranges } = await source.ranges(namespace, { count: () => 2, since }, soon());
      const each = await Promise.all(
        ranges.map((range) => keysIn(fixture, namespace.name, range, { after: null, since, batchSize: 1000 })),
      );
      expect(each.flat()).toEqual(keys);
      expect(Math.max(...each.map(({ length }) => length))).toBeLessThan(4_500);
    });

    it('tells how large a namespace is, and nothing of one that is not there', async () => {
      await fixture.create('a');
      await fixture.fill('a', [1, 2, 3]);
      expect(await source.size(fixture.namespace('a'), soon())).toMatchObject({ estimatedRows: 3 });
      const none = { estimatedRows: 0, estimatedBytes: 0 };
      expect(await source.size(fixture.namespace('absent'), soon())).toEqual(none);
    });

    it('lists nothing that does not exist, and gives a new identity to what is created again', async () => {
      await fixture.create('a');
      const find = async () => (await source.namespaces(soon())).find(({ name }) => name === fixture.namespace('a'));
      const first = await find();
      await fixture.drop('a');
      expect(await find()).toBeUndefined();
      await fixture.create('a');
      expect((await find())?.identity).not.toBe(first?.identity);
    });

    it('ends at once when the signal aborts', async () => {
      const from = await source.currentPosition(soon());
      const abort = new AbortController();
      const stream = source.stream(from, DELTAS, abort.signal)[Symbol.asyncIterator]();
      await stream.next();
      const waiting = stream.next().then(() => stream.next());
      const started = performance.now();
      abort.abort();
      await waiting.catch(() => undefined);
      expect(performance.now() - started).toBeLessThan(150);
    });

    it('tells how far back it remembers, and finds nothing in its way', async () => {
      const { oldestMs, newestMs } = await source.window(soon());
      expect(oldestMs).toBeLessThanOrEqual(newestMs);
      expect((await source.inspect(soon())).filter(({ severity }) => severity === 'error')).toEqual([]);
    });
  });
}
