import { BSON, Binary, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, type Document } from 'mongodb';
import { document, element, header } from '../../src/formats/bson/build';
import { findOne, slice, text, walk } from '../../src/formats/bson/walk';
import { encodedDocuments } from '../../src/connectors/mongodb/driver/internals';
import { getMore, runCursor, type CursorReply } from '../../src/connectors/mongodb/driver/raw';
import type { Change } from '../../src/core/model/change';
import type { Claim, Destination, LanePart } from '../../src/core/ports/destination';
import { isReplicationError } from '../../src/core/model/errors';
import { sharedMongo } from '../support/servers';
import {
  emptyTimestamp,
  encoded,
  insert,
  never,
  part,
  remove,
  replace,
  sourceNamespace,
  update,
} from './destination-changes';
import { MongodbFixture } from './destination-mongodb';
import { failure } from './destination-suite';

let t: MongodbFixture;
let destination: Destination;
let made: Claim;

beforeEach(async () => {
  t = await MongodbFixture.on(sharedMongo('destination'));
  destination = await t.open();
  made = await destination.claim({ stream: t.stream, epoch: 1, lanes: 1, expect: 'any' }, never);
  await made.prepare([sourceNamespace(t.namespace)], never);
});

afterEach(async () => {
  await destination[Symbol.asyncDispose]();
  await t[Symbol.asyncDispose]();
});

const bytes = (row: Document | Map<string, unknown>): Buffer =>
  Buffer.from(BSON.serialize(row, { ignoreUndefined: false }));
const utf8 = (type: number, value: Buffer): Buffer =>
  document([element(0x10, '_id', Buffer.from([1, 0, 0, 0])), element(type, 'x', value)]);
const int64 = (value: bigint): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigInt64LE(value);
  return out;
};

const ODD_ROWS: readonly (readonly [string, Buffer])[] = [
  ['doubles that look like integers', bytes({ _id: 1, a: new Double(1), b: new Double(-0), c: NaN })],
  ['int64', bytes({ _id: 1, a: Long.fromNumber(5), b: Long.MAX_VALUE, c: new Int32(5) })],
  [
    'order of integer-like names',
    bytes(
      new Map<string, unknown>([
        ['_id', 1],
        ['b', 1],
        [
          '10',
          new Map([
            ['9', 1],
            ['1', 2],
          ]),
        ],
        ['2', 1],
      ]),
    ),
  ],
  ['Decimal128', bytes({ _id: 1, a: Decimal128.fromString('1.10'), b: Decimal128.fromString('NaN') })],
  ['a date out of range', utf8(0x09, int64(9_223_372_036_854_775_807n))],
  ['a regular expression with flags', utf8(0x0b, Buffer.from('a.b\0imsx\0'))],
  ['MinKey, MaxKey and null', bytes({ _id: 1, a: new MinKey(), b: new MaxKey(), c: null })],
  ['undefined', document([element(0x10, '_id', Buffer.from([1, 0, 0, 0])), header(0x06, 'u')])],
  ['binary subtypes', bytes({ _id: 1, a: new Binary(Buffer.from('x'), 0x80), b: new Binary(Buffer.alloc(16), 4) })],
  ['code', bytes({ _id: 1, a: new Code('f()'), b: new Code('g()', { y: 1 }) })],
  ['a null _id', bytes({ _id: null, a: 1 })],
  [
    'a compound _id',
    bytes({
      _id: new Map<string, unknown>([
        ['b', 1],
        ['1', Long.fromNumber(2)],
      ]),
      a: 1,
    }),
  ],
  ['an empty timestamp at the top', bytes({ _id: 1, a: emptyTimestamp(), z: 1 })],
  ['names with dots and dollars', bytes({ _id: 1, 'a.b': 1, n: { 'c.d': 1, $e: 1 } })],
  ['a name at the top that begins with a dollar', bytes({ _id: 1, a: 1, $price: 1, 'a.$b': 2, z: 1 })],
  ['an empty name', bytes({ _id: 1, '': 1 })],
];

const INT_ID = header(0x10, '_id');
const hex = (rows: readonly Buffer[]): string[] => rows.map((row) => row.toString('hex'));

function withoutId(row: Buffer): Buffer[] {
  const rest: Buffer[] = [];
  walk(row, 0, (type, nameStart, nameEnd, start, end) => {
    const name = row.toString('utf8', nameStart, nameEnd);
    if (name !== '_id') rest.push(header(type, name), row.subarray(start, end));
    return false;
  });
  return rest;
}

/** What this server holds after a plain insert of these bytes, which is the bytes on the real one; null where it refuses them. */
async function kept(row: Buffer): Promise<string | null> {
  const db = t.client.db(t.database);
  const reply = await db
    .command({ insert: 'plain', documents: encodedDocuments('documents', [row]), bypassEmptyTsReplacement: true })
    .catch(() => ({ n: 0 }));
  const [held] = await t.encoded(`${t.database}.plain`);
  await db.collection('plain').deleteMany({});
  return reply['n'] === 1 ? held!.toString('hex') : null;
}

describe('rows at the MongoDB destination', () => {
  it.each(ODD_ROWS)('arrive byte for byte, inserted and replaced: %s', async (_name, row) => {
    const expected = await kept(row);
    if (expected === null) {
      const error = await failure(made.apply(part([encoded('insert', t.namespace, row)]), never));
      expect(error.kind).toBe('poison');
      return;
    }
    await made.apply(part([encoded('insert', t.namespace, row)]), never);
    expect(hex(await t.encoded())).toEqual([expected]);
    await made.apply(part([encoded('replace', t.namespace, row)], { expected: 1, pastOverlap: false }), never);
    expect(hex(await t.encoded())).toEqual([expected]);
  });

  it('arrive byte for byte when they are copied', async () => {
    const rows: Buffer[] = [];
    const expected: string[] = [];
    for (const [, row] of ODD_ROWS) {
      const numbered = document([INT_ID, Buffer.from([rows.length, 0, 0, 0]), ...withoutId(row)]);
      const held = await kept(numbered);
      if (held === null) continue;
      rows.push(numbered);
      expected.push(held);
    }
    const [range] = await made.plan(new Map([[t.namespace, [{ from: null, to: null, estimatedRows: 1 }]]]), never);
    await made.load({ loader: 0, range: range!, rows, bytes: 1, after: null, done: true }, never);
    expect(hex(await t.encoded())).toEqual(expected);
  });

  it('take the type of the new _id when an equal number is inserted after a delete', async () => {
    await made.apply(part([insert(t.namespace, { _id: new Int32(1), a: 1 })]), never);
    const row = bytes({ _id: Long.fromNumber(1), a: 2 });
    await made.apply(part([encoded('insert', t.namespace, row)], { expected: 1 }), never);
    expect((await t.encoded()).map((each) => each.toString('hex'))).toEqual([row.toString('hex')]);
  });

  it('are replaced beside other changes where a name at the top begins with a dollar', async () => {
    await made.apply(part([1, 2, 3].map((_id) => insert(t.namespace, { _id, a: 1 }))), never);
    const row = bytes({ _id: 1, $price: 2 });
    const changes = [
      update(t.namespace, 2, { updatedFields: { a: 2 } }),
      encoded('replace', t.namespace, row),
      remove(t.namespace, 3),
      insert(t.namespace, { _id: 4, $new: 1 }),
    ];
    await made.apply(part(changes, { expected: 1 }), never);
    expect(hex(await t.encoded())).toEqual(hex([row, bytes({ _id: 2, a: 2 }), bytes({ _id: 4, $new: 1 })]));
  });

  it('of nearly 16 MB go through', async () => {
    const row = bytes({ _id: 1, a: 'x'.repeat(16 * 1024 * 1024 - 100) });
    await made.apply(part([encoded('replace', t.namespace, row)]), never);
    await made.apply(part([encoded('replace', t.namespace, row)], { expected: 1 }), never);
    const [stored] = await t.encoded();
    expect(Buffer.compare(stored!, row)).toBe(0);
  });

  it('of nearly 16 MB go through beside a key of 40 KB, and hundreds of such keys are asked for', async () => {
    const _id = 'k'.repeat(40 * 1024);
    const row = bytes({ _id, a: 'x'.repeat(16 * 1024 * 1024 - 60 * 1024) });
    await made.apply(part([encoded('replace', t.namespace, row)]), never);
    await made.apply(part([encoded('replace', t.namespace, row)], { expected: 1 }), never);
    const keys = Array.from({ length: 450 }, (_, n) => insert(t.namespace, { _id: n === 7 ? _id : `${n}${_id}` }).key);
    const found = await destination.fetch(t.namespace, keys, never);
    expect([...found.values()].map((each) => Buffer.compare(each, row))).toEqual([0]);
  });

  it('pass a validator that the target has', async () => {
    const strict = `${t.database}.strict`;
    await made.prepare([sourceNamespace(strict, { with: { validator: { a: { $type: 'string' } } } })], never);
    await made.apply(part([insert(strict, { _id: 1, a: 1 })]), never);
    expect(await t.rows(strict)).toEqual([{ _id: 1, a: 1 }]);
  });

  it('land where the namespace is renamed to', async () => {
    const renamed = await t.open({ namespaces: { 'sh?p.*': `${t.database}.?_*_eu` } });
    try {
      const other = await renamed.claim({ stream: `${t.stream}-2`, epoch: 1, lanes: 1, expect: 'any' }, never);
      await other.apply(part([insert('shop.orders', { _id: 1 })]), never);
      expect(await t.rows(`${t.database}.o_orders_eu`)).toEqual([{ _id: 1 }]);
    } finally {
      await renamed[Symbol.asyncDispose]();
    }
  });
});

type Step = readonly [name: string, before: Document, update: Document | Document[]];

const STEPS: readonly Step[] = [
  ['a field', { a: 1 }, { $set: { a: 2 } }],
  ['types that look alike', { a: 1 }, { $set: { a: new Double(1), b: Long.fromNumber(1) } }],
  ['new fields in another order than their names', { a: 1 }, [{ $set: { z: 1, b: 2, m: 3 } }]],
  ['new fields named by numbers', { a: 1 }, { $set: { '8': 1, '9': 2 } }],
  ['a nested field', { a: { b: { c: 1 } } }, { $set: { 'a.b.c': 2, 'a.b.d': 3 } }],
  ['a removed field', { a: 1, b: { c: 1, d: 1 } }, { $unset: { a: 1, 'b.c': 1 } }],
  ['fields set and removed at once', { a: 1, b: 1 }, { $set: { c: 1 }, $unset: { a: 1 } }],
  ['an element of an array', { a: [1, 2, 3] }, { $set: { 'a.1': 9 } }],
  ['a longer array', { a: [1] }, { $push: { a: { $each: [2, 3] } } }],
  ['a shorter array', { a: [1, 2, 3, 4] }, { $pop: { a: 1 } }],
  ['an emptied array', { a: [1, 2] }, { $set: { a: [] } }],
  ['a field of a document in an array', { a: [{ b: 1 }, { b: 2 }] }, { $set: { 'a.1.b': 3, 'a.0.c': 4 } }],
  ['a shorter array with another element changed', { a: [1, 2, 3, 4] }, [{ $set: { a: [9, 2] } }]],
  ['a field named by a number in a document', { a: { '0': 'x' } }, { $set: { 'a.0': 'y' } }],
  ['an empty timestamp', { a: 1 }, { $set: { a: emptyTimestamp() } }],
  ['a whole sub-document', { a: { z: 1 } }, { $set: { a: { z: 2, b: { c: [1, { d: new ObjectId() }] } } } }],
];

/** The change that the one update which `act` makes is to the source: a pipeline's may be a full state. */
async function changeOf(source: string, act: () => Promise<unknown>): Promise<Change> {
  const db = t.client.db(t.database);
  const session = t.client.startSession();
  try {
    const command = { aggregate: source, pipeline: [{ $changeStream: {} }], cursor: { batchSize: 10 } };
    const first = await runCursor(db, command, { session }, never);
    await act();
    // The embedded server begins before the row's insert where another client's write was being committed.
    const isInsert = (event: Buffer): boolean => text(event, findOne(event, 0, 'operationType')!) === 'insert';
    const changeIn = ({ buffer, documents }: CursorReply): Buffer | undefined =>
      documents.map((each) => slice(buffer, each)).find((each) => !isInsert(each));
    const options = { session, batchSize: 10, maxTimeMs: 500 };
    let event = changeIn(first);
    while (event === undefined)
      event = changeIn(await getMore(db, { id: first.id, collection: source }, options, never));
    const description = findOne(event, 0, 'updateDescription');
    if (description) return { ...update(t.namespace, 1, {}), delta: slice(event, description) };
    return encoded('replace', t.namespace, slice(event, findOne(event, 0, 'fullDocument')!));
  } finally {
    await session.endSession();
  }
}

describe('deltas at the MongoDB destination', () => {
  it.each(STEPS)('do what the source did, byte for byte: %s', async (_name, before, change) => {
    const source = t.client.db(t.database).collection<Document & { _id: number }>('source');
    await source.insertOne({ _id: 1, ...before });
    const [start] = await t.encoded(`${t.database}.source`);
    await made.apply(part([encoded('insert', t.namespace, start!)]), never);
    const event = await changeOf('source', () => source.updateOne({ _id: { $eq: 1 } }, change));
    await made.apply(part([event], { expected: 1 }), never);
    const [expected] = await t.encoded(`${t.database}.source`);
    const [actual] = await t.encoded();
    expect(actual!.toString('hex')).toBe(expected!.toString('hex'));
  });

  it('never make a row of their own', async () => {
    const error = await failure(made.apply(part([update(t.namespace, 7, { updatedFields: { a: 1 } })]), never));
    expect(isReplicationError(error, 'delta_missed')).toBe(true);
    expect(await t.rows(t.namespace)).toEqual([]);
  });

  it.each([
    ['does not fit its row', { updatedFields: { 'a.b': 1 } }],
    ['truncates what is no array', { truncatedArrays: [{ field: 'a', newSize: 1 }] }],
    ['has an ambiguous path', { updatedFields: { 'a.b': 1 }, disambiguatedPaths: { 'a.b': ['a.b'] } }],
    ['has a name with a dollar', { updatedFields: { $a: 1 } }],
  ])('are handed back, with the whole part, when one %s', async (_name, description) => {
    await made.apply(part([insert(t.namespace, { _id: 1, a: 1 })]), never);
    const changes = [replace(t.namespace, { _id: 2 }), update(t.namespace, 1, description)];
    const error = await failure(made.apply(part(changes, { expected: 1 }), never));
    expect([error.code, error.namespace]).toEqual(['delta_missed', t.namespace]);
    expect(await t.rows(t.namespace)).toEqual([{ _id: 1, a: 1 }]);
    expect((await made.apply(part([replace(t.namespace, { _id: 2 })], { expected: 1 }), never)).fresh).toBe(true);
  });
});

describe('indexes at the MongoDB destination', () => {
  const index = (key: Document, rest: Document = {}): Buffer =>
    bytes({ v: 2, key, name: Object.keys(key).join('_'), ...rest });
  const names = async (): Promise<string[]> =>
    (await t.collection().listIndexes().toArray()).map(({ name }) => name as string).sort();

  it('are built after the copy, unique and expiring ones only at the end, and what fails is told', async () => {
    const namespaces = [
      sourceNamespace(t.namespace, {
        indexes: [
          index({ _id: 1 }, { name: '_id_' }),
          index({ plain: 1 }),
          index({ one: 1 }, { unique: true }),
          index({ two: 1 }, { unique: true }),
          index({ gone: 1 }, { expireAfterSeconds: 3600 }),
        ],
      }),
    ];
    await made.prepare(namespaces, never);
    await made.apply(
      part([insert(t.namespace, { _id: 1, one: 1, two: 1 }), insert(t.namespace, { _id: 2, one: 2, two: 1 })]),
      never,
    );
    const reports: string[] = [];
    await made.index(namespaces, (done, total) => reports.push(`${done}/${total}`), never);
    expect(reports).toEqual(['0/1', '1/1']);
    expect(await names()).toEqual(['_id_', 'plain']);
    const findings = await made.finalize(namespaces, never);
    expect(findings.map(({ code, namespace }) => [code, namespace])).toEqual([['unique_violation', t.namespace]]);
    expect(findings[0]?.remedy).toContain('`apply`');
    expect(await names()).toEqual(['_id_', 'gone', 'one', 'plain']);
    expect(await made.finalize(namespaces, never)).toHaveLength(1);
  });
});

describe('parts of several lanes that are written together', () => {
  const both = (a: LanePart['changes'], b: LanePart['changes'], expected: number): readonly LanePart[] => [
    part(a, { expected }),
    part(b, { lane: 1, expected }),
  ];
  let wide: Claim;
  beforeEach(async () => {
    const other = `${t.stream}-wide`;
    // The target has one owner at a time.
    await made.release(never);
    wide = await destination.claim({ stream: other, epoch: 1, lanes: 2, expect: 'any' }, never);
    await wide.prepare([sourceNamespace(t.namespace)], never);
    await t.collection().createIndex({ u: 1 }, { unique: true }, {});
    const rows = [1, 2].map((_id) => insert(t.namespace, { _id, u: _id, n: { '0': 1 } }));
    await wide.rewriteConflicts(both([rows[0]!], [rows[1]!], 0), never);
  });

  it('end where full states and deltas end, whatever they meet on the way', async () => {
    const parts = both(
      [
        update(t.namespace, 1, { updatedFields: { u: 7 } }),
        update(t.namespace, 1, { updatedFields: { u: 2, z: 1, b: 2, 'n.0': 5 } }),
      ],
      [replace(t.namespace, { _id: 2, u: 9 }), update(t.namespace, 2, { updatedFields: { u: 1 }, removedFields: [] })],
      1,
    );
    await wide.rewriteConflicts(parts, never);
    const first = new Map<string, unknown>([
      ['_id', 1],
      ['u', 2],
      ['n', { '0': 5 }],
      ['z', 1],
      ['b', 2],
    ]);
    expect(hex(await t.encoded())).toEqual(hex([bytes(first), bytes({ _id: 2, u: 1 })]));
    expect(await t.ledger.collection('together').countDocuments()).toBe(0);
  });

  it('let a value go to a row whose holder is deleted', async () => {
    await wide.rewriteConflicts(both([insert(t.namespace, { _id: 3, u: 2 })], [remove(t.namespace, 2)], 1), never);
    expect(await t.rows(t.namespace)).toEqual([
      { _id: 1, u: 1, n: { '0': 1 } },
      { _id: 3, u: 2 },
    ]);
  });

  it('are refused as a whole, with the key of the row that is', async () => {
    const taken = replace(t.namespace, { _id: 5, u: 1 });
    const error = await failure(
      wide.rewriteConflicts(both([taken], [replace(t.namespace, { _id: 2, u: 8 })], 1), never),
    );
    expect([error.kind, error.code, error.keyHash]).toEqual(['poison', 'duplicate_key', taken.key.hash]);
    expect((await t.rows(t.namespace)).map((row) => (row as { u: number }).u)).toEqual([1, 2]);
  });

  it('are handed back when a delta does not fit its row', async () => {
    const misfit = update(t.namespace, 9, { updatedFields: { u: 3 } });
    const error = await failure(wide.rewriteConflicts(both([misfit], [], 1), never));
    expect(error.code).toBe('delta_missed');
  });
});
