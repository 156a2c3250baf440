import {
  Binary,
  BSON,
  BSONRegExp,
  Code,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID,
  type Document,
} from 'mongodb';
import type { Change } from '../../src/core/model/change';
import type { Position } from '../../src/core/model/position';
import type { Source } from '../../src/core/ports/source';
import { withSource } from './source-mongodb';
import { changesOf, keysIn, soon, untilHere } from './source-suite';

const decimal = (text: string) => Decimal128.fromString(text);

/** Values that a decoding path would change. */
const ODDITIES: Document = {
  doubleLikeInteger: new Double(1),
  negativeZero: new Double(-0),
  nan: new Double(NaN),
  int32: new Int32(1),
  int64: Long.fromNumber(5),
  large: Long.fromString('9007199254740993'),
  decimal: decimal('1.10'),

  integerLikeNames: new Map<string, unknown>([
    ['b', 1],
    ['10', new Double(1)],
    ['2', 2],
  ]),
  regex: new BSONRegExp('a.*b', 'imsx'),
  binary: new Binary(Buffer.from('x'), 0),
  md5: new Binary(Buffer.alloc(16), 5),
  user: new Binary(Buffer.from('x'), 128),
  uuid: new UUID(),
  min: new MinKey(),
  max: new MaxKey(),
  timestamp: new Timestamp({ t: 1, i: 2 }),
  code: new Code('f()'),
  nothing: null,
  empty: {},
  emptyList: [],
  '': 'an empty name',
  text: 'zero \0 byte, é, 😀',
};

/** Keys of every type that the server takes, in no order. */
const KEYS: readonly unknown[] = [
  new MaxKey(),
  'b',
  new Int32(2),
  new Double(2.5),
  Long.fromString('9007199254740993'),
  decimal('7.5'),
  new Double(NaN),
  new Double(-Infinity),
  null,
  { a: 1 },
  new Map([
    ['b', 1],
    ['10', 2],
    ['2', 3],
  ]),
  {},
  new Binary(Buffer.alloc(16, 1), 0),
  new UUID('00000000-0000-4000-8000-000000000000'),
  new ObjectId('000000000000000000000001'),
  true,
  false,
  new Date(-1),
  new Date(0),
  new Timestamp({ t: 1, i: 1 }),
  new Code('f'),
  'a',
  '',
  new MinKey(),
];

const rawRows = async (source: Source, namespace: string): Promise<Buffer[]> => {
  const since = await source.currentPosition(soon());
  const rows: Buffer[] = [];
  const range = { from: null, to: null, estimatedRows: 0 };
  for await (const batch of source.rows(namespace, range, { after: null, since, batchSize: 7 }, soon()))
    rows.push(...batch.rows);
  return rows;
};

describe('bytes of MongoDB', () => {
  it('arrive as they are, by stream, copy and look-up', () =>
    withSource({}, async ({ source, db }) => {
      const from = await source.currentPosition(soon());
      const collection = db.collection('odd');
      await collection.insertOne({ _id: 1 as never, ...ODDITIES }, { ignoreUndefined: false });
      const rows = await collection.find({}, { raw: true }).toArray();
      const sent = Buffer.from(BSON.serialize({ _id: 1, ...ODDITIES }));
      const [change] = changesOf(await untilHere(source, from));
      expect(change?.op === 'insert' && change.row.equals(sent)).toBe(true);
      expect((rows[0] as unknown as Buffer).equals(sent)).toBe(true);
      const name = `${db.databaseName}.odd`;
      expect((await rawRows(source, name)).map((row) => row.equals(sent))).toEqual([true]);
      const [found] = await source.lookup([change!], Infinity, soon());
      expect(found?.op === 'replace' && found.row.equals(sent)).toBe(true);
    }));

  it('are cut into ranges at numbers of the smallest type that holds them, as keys are mostly stored', () =>
    withSource({}, async ({ source, db }) => {
      const lowest = 2 ** 31 - 5_000;
      const keys = Array.from({ length: 8_001 }, (_, index) => lowest + index);
      const stored = (key: number) => (key < 2 ** 31 ? key : Long.fromNumber(key));
      const bound = (key: number) => Buffer.from(BSON.serialize({ _id: stored(key) }));
      const rows = db.collection('numbered');
      await rows.insertMany(keys.map((key) => ({ _id: stored(key) as never })));
      const [found] = await source.namespaces(soon());
      const since = await source.currentPosition(soon());
      const boundsOf = async (from: Position | null) => {
        const { ranges } = await source.ranges(found!, { count: () => 4, since: from }, soon());
        ranges.slice(1).forEach((range, index) => expect(range.from).toEqual(ranges[index]?.to));
        return [ranges[0]!.from, ...ranges.map(({ to }) => to)];
      };
      const inner = [2_000, 4_000, 6_000].map((offset) => bound(lowest + offset));
      expect(await boundsOf(null)).toEqual([null, ...inner, null]);
      // What comes later reaches the stream.
      expect(await boundsOf(since)).toEqual([bound(lowest), ...inner, bound(lowest + 8_001)]);
      // A key of another type may have others of its type around it.
      await rows.insertOne({ _id: 'text' as never });
      const open = await boundsOf(await source.currentPosition(soon()));
      expect([open[0], open.at(-1)]).toEqual([null, null]);
    }));

  it('come in replies that are no larger than they have to be', () =>
    withSource({}, async ({ source, db }) => {
      const from = await source.currentPosition(soon());
      const text = 'x'.repeat(1024 * 1024);
      for (let _id = 0; _id < 30; _id++) await db.collection('large').insertOne({ _id: _id as never, text });
      const commits = (await untilHere(source, from)).flatMap((event) => (event.type === 'commit' ? [event] : []));
      const rows = commits.map(({ changes }) => changes.length);
      expect(rows.reduce((sum, count) => sum + count, 0)).toBe(30);
      // How large they are is known after the first reply.
      expect(rows[0]).toBe(4);
      expect(Math.max(...rows.slice(1))).toBeLessThanOrEqual(4);
    }));

  it('are looked up where their collection is now, and not in another one under its old name', () =>
    withSource({}, async ({ source, db }) => {
      const identityOf = async (name: string) =>
        (
          (await db.listCollections({ name }).toArray())[0] as { info?: { uuid?: UUID } } | undefined
        )?.info?.uuid?.toString();
      await db.createCollection('before');
      const from = await source.currentPosition(soon());
      await db.collection('before').insertOne({ _id: 1 as never, n: 0 });
      await db.collection('before').updateOne({ _id: 1 as never }, { $set: { n: 1 } });
      const updates = changesOf(await untilHere(source, from)).filter(({ op }) => op === 'update');
      const was = await identityOf('before');
      await db.collection('before').rename('after');
      // MongoDB keeps the identity of a collection that is renamed; a server that does not cannot be asked for it.
      const followed = was !== undefined && (await identityOf('after')) === was;
      expect((await source.lookup(updates, Infinity, soon())).map(({ op }) => op)).toEqual([
        followed ? 'replace' : 'delete',
      ]);
      await db.collection('before').insertOne({ _id: 1 as never, another: true });
      const [found] = await source.lookup(updates, Infinity, soon());
      const row = found?.op === 'replace' ? BSON.deserialize(found.row) : null;
      expect(row).toEqual(followed ? { _id: 1, n: 1 } : was === undefined ? { _id: 1, another: true } : null);
    }));

  it('are gone with their collection, whatever has its name by now', () =>
    withSource({}, async ({ source, db }) => {
      await db.createCollection('again');
      const from = await source.currentPosition(soon());
      await db.collection('again').insertOne({ _id: 1 as never, n: 0 });
      const changes = changesOf(await untilHere(source, from));
      const known = changes.every(({ identity = '' }) => identity !== '');
      await db.collection('again').drop();
      await db.collection('again').insertOne({ _id: 1 as never, another: true });
      expect((await source.lookup(changes, Infinity, soon())).map(({ op }) => op)).toEqual([
        known ? 'delete' : 'replace',
      ]);
    }));

  it('are looked up there whatever the change was, and whichever stream made it', () =>
    withSource({}, async ({ source, db }) => {
      const namespace = (name: string) => `${db.databaseName}.${name}`;
      const identities = async () =>
        new Map((await source.namespaces(soon())).map(({ name, identity }) => [name, identity] as const));
      await db.createCollection('before');
      const from = await source.currentPosition(soon());
      const before = db.collection<{ _id: number; n: number }>('before');
      await before.insertOne({ _id: 1, n: 0 });
      await before.replaceOne({ _id: 1 }, { n: 1 });
      await before.deleteOne({ _id: 1 });
      await before.insertOne({ _id: 1, n: 2 });
      const changes = changesOf(await untilHere(source, from));
      const identity = (await identities()).get(namespace('before')) ?? '';
      const { key, position } = changes[0]!;
      const asked = { namespace: namespace('before'), key, position, identity, sourceTimeMs: 0, bytes: 0 };
      const made: Change[] = [
        ...changes,
        { ...asked, op: 'update', delta: Buffer.alloc(0), needsLookup: true },
        { ...asked, op: 'delete' },
      ];
      const found = async () =>
        (await source.lookup(made, Infinity, soon())).map((change) =>
          'row' in change ? (BSON.deserialize(change.row)['n'] as unknown) : null,
        );
      expect(await found()).toEqual(made.map(() => 2));
      await before.rename('after');
      const followed = identity !== '' && (await identities()).get(namespace('after')) === identity;
      expect(await found()).toEqual(made.map(() => (followed ? 2 : null)));
    }));

  it('hold keys of every type, which ranges cover once and look-ups find', () =>
    withSource({}, async ({ source, db }) => {
      const from = await source.currentPosition(soon());
      for (const _id of KEYS) await db.collection('keys').insertOne({ _id } as never);
      const changes = changesOf(await untilHere(source, from));
      expect(new Set(changes.map(({ key }) => key.id)).size).toBe(KEYS.length);
      const found = await source.lookup(changes, Infinity, soon());
      expect(found.map(({ op }) => op)).toEqual(KEYS.map(() => 'replace'));
      const name = `${db.databaseName}.keys`;
      const ordered = await rawRows(source, name);
      expect(ordered).toHaveLength(KEYS.length);
      const since = await source.currentPosition(soon());
      const readKey = (row: Buffer): number => ordered.findIndex((each) => each.equals(row));
      const all = ordered.map((_, index) => index);
      for (const [index, bound] of ordered.entries()) {
        const from = (after: Buffer | null, range: { from: Buffer | null; to: Buffer | null }) =>
          keysIn({ source, readKey }, name, { ...range, estimatedRows: 0 }, { after, since, batchSize: 5 });
        expect(await from(bound, { from: null, to: null })).toEqual(all.slice(index + 1));
        expect(await from(null, { from: bound, to: null })).toEqual(all.slice(index));
        expect(await from(null, { from: null, to: bound })).toEqual(all.slice(0, index));
      }
    }));
});

describe('updates of MongoDB', () => {
  it('are looked up where their paths cannot be applied as they are', () =>
    withSource({}, async ({ source, db }) => {
      const rows = db.collection<{ _id: number }>('paths');
      await rows.insertOne({ _id: 1, list: [1, 2, 3], nested: { '0': 1 } } as never);
      const from = await source.currentPosition(soon());
      await rows.updateOne({ _id: 1 }, { $set: { plain: 1, 'nested.b': 2 } });
      await rows.updateOne({ _id: 1 }, { $set: { 'nested.0': 5 } });
      await rows.updateOne({ _id: 1 }, [
        { $replaceWith: { $setField: { field: { $literal: '$price' }, input: '$$ROOT', value: 9 } } },
      ]);
      const changes = changesOf(await untilHere(source, from));
      expect(changes.map((change) => change.op === 'update' && change.needsLookup)).toEqual([false, true, true]);
      const [first] = changes;
      const delta = first?.op === 'update' ? BSON.deserialize(first.delta) : {};
      expect(delta).toMatchObject({ updatedFields: { plain: 1, 'nested.b': 2 }, removedFields: [] });
    }));
});
