import { Binary, BSONRegExp, Decimal128, Double, Int32, Long, type Document } from 'mongodb';
import { KEYS } from '../support/operations';

/** Keys of every type; `null` and compound ones are among those of the other tests. */
export const ODD_KEYS: readonly unknown[] = [
  ...KEYS,
  Number.NaN,
  new Double(-7.25),
  Long.fromString('-9223372036854775808'),
  Decimal128.fromString('1E+30'),
  '$dollar.first',
  'a.b.c',
  'ä€𝄞',
  { _id: { _id: null } },
  new Binary(Buffer.alloc(0)),
  new Binary(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 4),
];

/** One key in the three types that a server holds for equal. */
export const EQUAL_KEYS: readonly (readonly unknown[])[] = [
  [new Int32(4), new Double(4), Long.fromNumber(4)],
  [new Int32(0), new Double(0), Long.fromNumber(0)],
  [new Int32(-3), new Double(-3), Long.fromNumber(-3)],
  ['plain', 'plain', 'plain'],
  [{ x: 1 }, { x: 1 }, { x: 1 }],
];

/** A row at version `v`. */
export const row = (v: number): Document => ({
  v,
  z: v,
  double: new Double(v),
  long: Long.fromNumber(v),
  decimal: Decimal128.fromString(`${v}.50`),
  when: new Date(v * 1000),
  pattern: new BSONRegExp('^a', 'imsx'),
  list: [1, { deep: v }, [2, 3], 'four'],
  nested: { b: 1, a: { c: v } },
  [`n${v % 7}`]: new Int32(v),
});

/** A row whose names hold dots and dollar signs, beside the paths that look like them. */
const odd = (v: number): Document => ({
  v,
  z: v,
  'nested.a.c': v,
  $dollar: v,
  '': v,
  list: [{ 'x.y': v, $z: 1 }, v],
  nested: { 'a.c': v, a: { c: v }, $a: 1 },
});

/**
 * Updates of every shape that the log can show; each raises the version. Some do not fit every row, and then fail. New
 * fields of one update stand in the order of their names: a compatible server exists that logs them in another order
 * than it stores them.
 */
export const UPDATES: readonly ((v: number) => Document | Document[])[] = [
  (v) => ({ $set: { v, z: v } }),
  (v) => ({ $set: { aa: v, [`m${v % 5}`]: 1, v, zz: v } }),
  (v) => ({ $unset: { double: 1, [`n${v % 7}`]: 1 }, $set: { v } }),
  (v) => ({ $set: { 'nested.a.b': 1, 'nested.a.c': v, 'nested.new': v, v } }),
  (v) => ({ $push: { list: { pushed: v } }, $set: { v } }),
  (v) => ({ $pop: { list: 1 }, $set: { v } }),
  (v) => ({ $pop: { list: -1 }, $set: { v } }),
  (v) => ({ $set: { 'list.1.deep': v, v } }),
  (v) => ({ $push: { list: { $each: [v], $slice: -3 } }, $set: { v } }),
  (v) => ({ $push: { list: { $each: [], $slice: 2 } }, $set: { v } }),
  (v) => ({ $inc: { count: 1, 'nested.count': 1 }, $set: { v } }),
  (v) => ({ $rename: { z: 'renamed' }, $set: { v } }),
  (v) => ({ $rename: { renamed: 'z' }, $set: { v } }),
  (v) => [{ $set: { v, computed: { $add: [1, '$v'] } } }, { $unset: 'when' }],
  (v) => ({ $set: { [`sparse.${v % 12}`]: v, v } }),
  (v) => ({ $set: { list: [v], v } }),
  (v) => ({ $addToSet: { list: v % 3 }, $set: { v } }),
  (v) => ({ $pull: { list: { $in: [1, 'four'] } }, $set: { v } }),
  (v) => ({ $set: { v, text: 'x'.repeat(v % 2000) } }),
  (v) => ({ $push: { history: v }, $set: { v } }),
  // A number in a path: an index where there is an array, a name where there is a document.
  (v) => ({ $set: { 'list.0': v, v } }),
  (v) => ({ $set: { [`list.${v % 6}.deep`]: v, v } }),
  (v) => ({ $set: { list: { 0: v, 1: { deep: v } }, v } }),
  (v) => ({ $unset: { 'list.0': 1 }, $set: { v } }),
  (v) => ({ $set: { 'nested.0': v, v } }),
  (v) => ({ $set: { 'nested.0': { c: v }, v } }),
  (v) => ({ $set: { 'nested.0.c': v, v } }),
  (v) => ({ $set: { nested: [{ c: v }, v], v } }),
  (v) => ({ $set: { nested: { b: 1, a: { c: v } }, v } }),
  // Names that no path spells.
  (v) => [
    { $replaceWith: { $setField: { field: { $literal: '$price' }, input: '$$ROOT', value: v } } },
    { $set: { v } },
  ],
  (v) => [{ $replaceWith: { $setField: { field: '', input: '$$ROOT', value: v } } }, { $set: { v } }],
  (v) => [{ $set: { v, nested: { $literal: { 'x.y': v, $z: v } } } }],
  (v) => [{ $replaceWith: { $mergeObjects: [{ _id: '$_id' }, { $literal: odd(v) }] } }],
];
