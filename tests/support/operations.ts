import fc from 'fast-check';
import {
  Binary,
  BSONRegExp,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  Timestamp,
  type Db,
  type Document,
} from 'mongodb';

/** One write at a source, as data, so that a failing sequence can be shrunk and printed. */
export type Operation =
  | {
      readonly op: 'insert' | 'replace' | 'delete';
      readonly collection: string;
      readonly key: number;
      readonly value: number;
    }
  | {
      readonly op: 'update';
      readonly collection: string;
      readonly key: number;
      readonly shape: number;
      readonly value: number;
    }
  | {
      readonly op: 'transaction';
      readonly collection: string;
      readonly keys: readonly number[];
      readonly value: number;
    }
  | { readonly op: 'bulk'; readonly collection: string; readonly shape: number; readonly value: number }
  | { readonly op: 'rename'; readonly collection: string; readonly to: string; readonly over: boolean }
  | { readonly op: 'drop' | 'create' | 'drop_database'; readonly collection: string };

/** Keys of every type that an `_id` may have, arrays and regular expressions aside. */
export const KEYS: readonly unknown[] = [
  null,
  1,
  new Double(1.5),
  Long.fromString('9007199254740993'),
  Decimal128.fromString('2.50'),
  'a',
  'with.dot and $dollar',
  '',
  { a: 1, b: 'x' },
  { b: 'x', a: 1 },
  { 10: 1, 2: 2 },
  new Date(0),
  true,
  new Binary(Buffer.from('00ff', 'hex'), 4),
  new Binary(Buffer.from('abc'), 0x80),
  new MinKey(),
  new MaxKey(),
  new Timestamp({ t: 5, i: 6 }),
];

const document = (value: number): Document => ({
  z: value,
  double: new Double(value),
  long: Long.fromNumber(value),
  decimal: Decimal128.fromString(`${value}.50`),
  when: new Date(value * 1000),
  pattern: new BSONRegExp('^a', 'imsx'),
  list: [1, { deep: value }, [2, 3], 'four'],
  nested: { b: 1, a: { c: value } },
  [`n${value % 7}`]: new Int32(value),
});

/** Updates of every shape that an update description can have. */
const UPDATES: readonly ((value: number) => Document | Document[])[] = [
  (value) => ({ $set: { z: value } }),
  (value) => ({ $set: { zz: value, aa: value, [`m${value % 5}`]: 1 } }),
  (value) => ({ $unset: { double: 1 }, $set: { z: value } }),
  (value) => ({ $set: { 'nested.a.c': value, 'nested.new': value, 'nested.a.b': 1 } }),
  (value) => ({ $push: { list: { pushed: value } } }),
  () => ({ $pop: { list: 1 } }),
  () => ({ $pop: { list: -1 } }),
  (value) => ({ $set: { 'list.1.deep': value } }),
  (value) => ({ $push: { list: { $each: [value], $slice: -3 } } }),
  () => ({ $inc: { z: 1, 'nested.count': 1 } }),
  () => ({ $rename: { z: 'renamed' } }),
  (value) => [{ $set: { z: value, computed: { $add: [1, value] } } }, { $unset: 'when' }],
  (value) => ({ $set: { 'sparse.10': value, 'sparse.2': value } }),
  (value) => ({ $set: { list: [value] } }),
];

export const SHAPES = UPDATES.length;

export async function perform(db: Db, operation: Operation): Promise<void> {
  const collection = db.collection(operation.collection);
  const id = (key: number) => ({ _id: KEYS[key] as never });
  switch (operation.op) {
    case 'insert':
    case 'replace':
      await collection.replaceOne(id(operation.key), document(operation.value), { upsert: true });
      return;
    case 'update':
      // Compatible servers exist that make the collection for it, without a word in the log.
      if ((await collection.findOne(id(operation.key), { projection: { _id: 1 } })) === null) return;
      // An update that the document does not fit (a `$pop` on what is no array) changes nothing, which is a case too.
      await collection
        .updateOne(id(operation.key), (UPDATES[operation.shape] as (value: number) => Document)(operation.value))
        .catch(() => undefined);
      return;
    case 'delete':
      await collection.deleteOne(id(operation.key));
      return;
    case 'transaction':
      await db.client.withSession((session) =>
        session.withTransaction(async () => {
          for (const key of operation.keys) {
            await collection.replaceOne(id(key), document(operation.value), { upsert: true, session });
            await collection.updateOne(id(key), { $set: { z: -operation.value } }, { session });
          }
        }),
      );
      return;
    case 'bulk': {
      const update = (UPDATES[operation.shape] as (value: number) => Document)(operation.value);
      const writes = KEYS.flatMap((_, key) => [
        { replaceOne: { filter: id(key), replacement: document(operation.value + key), upsert: true } },
        { updateOne: { filter: id(key), update } },
        ...(key % 3 === 0 ? [{ deleteOne: { filter: id(key) } }] : []),
      ]);
      await collection.bulkWrite(writes, { ordered: false }).catch(() => undefined);
      return;
    }
    case 'rename':
      await collection.rename(operation.to, { dropTarget: operation.over }).catch(() => undefined);
      return;
    case 'drop':
      await collection.drop().catch(() => undefined);
      return;
    case 'drop_database':
      await db.dropDatabase();
      return;
    case 'create':
      await db.createCollection(operation.collection).catch(() => undefined);
      return;
  }
}

const collection = fc.constantFrom('orders', 'cust.omers', 'items-2');
const key = fc.nat(KEYS.length - 1);
const value = fc.integer({ min: 1, max: 9999 });

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ op: fc.constantFrom('insert' as const, 'replace' as const), collection, key, value }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ op: fc.constant('update' as const), collection, key, value, shape: fc.nat(SHAPES - 1) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), collection, key, value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('transaction' as const),
      collection,
      keys: fc.uniqueArray(key, { minLength: 2, maxLength: 6 }),
      value,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('bulk' as const), collection, value, shape: fc.nat(SHAPES - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('rename' as const), collection, to: collection, over: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('drop' as const, 'drop' as const, 'create' as const, 'drop_database' as const),
      collection,
    }),
  },
);
