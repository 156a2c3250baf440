import { BSON, Timestamp, UUID, type Document } from 'mongodb';
import type { SchemaChange } from '../../src/core/model/change';
import { compileSelection } from '../../src/core/mapping/pattern';
import { Decoder } from '../../src/connectors/mongodb/source/stream/decode';

const uuid = new UUID('f7cc9b8f-0908-44aa-b349-14638501bfc8');
const decoder = new Decoder(
  { history: 'set:rs:1', filter: 'f' },
  compileSelection({ database: 'shop', exclude: ['hidden'] }),
);

/** An event as MongoDB documents it, from its bytes. */
function decoded(event: Document) {
  const bytes = BSON.serialize({
    _id: { _data: '82635019A0000000012B042C0100296E5A1004A5E1' },
    clusterTime: new Timestamp({ t: 1, i: 1 }),
    wallTime: new Date(1_700_000_000_000),
    collectionUUID: uuid,
    ns: { db: 'shop', coll: 'orders' },
    ...event,
  });
  return decoder.decode(Buffer.from(bytes), 0, () => false);
}

function schema(event: Document): SchemaChange {
  const found = decoded(event);
  if (found.type !== 'schema') throw new Error(`it is decoded as ${found.type}`);
  return found.change;
}

const description = ({ description: raw }: SchemaChange): Document => BSON.deserialize(raw ?? BSON.serialize({}));
const index = { v: 2, key: { n: 1 }, name: 'n_1' };

describe('schema events as MongoDB documents them', () => {
  it.each([
    ['createIndexes', 'create_indexes', { indexes: [{ ...index, unique: true }] }],
    ['dropIndexes', 'drop_indexes', { indexes: [index] }],
    ['modify', 'modify', { validator: { n: { $gt: 1 } }, validationLevel: 'moderate' }],
    ['modify', 'modify', { index: { name: 'n_1', expireAfterSeconds: 3600 } }],
  ])('%s tells what it is about', (operationType, op, operationDescription) => {
    const change = schema({ operationType, operationDescription });
    expect(change).toMatchObject({
      op,
      kind: operationType,
      namespace: 'shop.orders',
      identity: uuid.toHexString(false),
    });
    expect(description(change)).toEqual(operationDescription);
  });

  it.each([
    ['shardCollection', { shardKey: { n: 'hashed' }, unique: false, numInitialChunks: 1, presplitHashedZones: false }],
    ['reshardCollection', { reshardUUID: uuid, shardKey: { n: 1 }, oldShardKey: { m: 1 }, unique: false }],
    ['refineCollectionShardKey', { shardKey: { n: 1, m: 1 }, oldShardKey: { n: 1 } }],
  ])('%s changes where rows are kept, and nothing else', (operationType, operationDescription) => {
    expect(schema({ operationType, operationDescription })).toMatchObject({ op: 'other', kind: operationType });
  });

  it('create makes a collection with its options', () => {
    const made = schema({ operationType: 'create', operationDescription: { validator: { n: 1 }, idIndex: index } });
    expect(made.op).toBe('create');
    expect(BSON.deserialize(made.options ?? BSON.serialize({}))).toEqual({ validator: { n: 1 } });
  });

  // 8.1 tells the type; before, only the description does.
  it.each([
    ['create', 'derive', { viewOn: 'orders', pipeline: [] }, {}],
    ['create', 'derive', { viewOn: 'orders', pipeline: [] }, { nsType: 'view' }],
    ['create', 'other', { timeseries: { timeField: 'at' } }, {}],
    ['create', 'other', { viewOn: 'system.buckets.at', pipeline: [{ $_internalUnpackBucket: {} }] }, {}],
    ['create', 'other', {}, { nsType: 'timeseries' }],
    ['modify', 'derive', { viewOn: 'orders', pipeline: [] }, {}],
    ['modify', 'derive', {}, { nsType: 'view' }],
  ])('%s of what is no collection is %s: %j %j', (operationType, op, operationDescription, more) => {
    expect(schema({ operationType, operationDescription, ...more }).op).toBe(op);
  });

  it('of what is not followed are left out', () => {
    for (const operationType of ['createIndexes', 'dropIndexes', 'modify', 'shardCollection', 'create', 'drop'])
      expect(decoded({ operationType, ns: { db: 'shop', coll: 'hidden' } }).type).toBe('ignored');
  });

  it('that only mark something are left out, and unknown ones stop', () => {
    expect(decoded({ operationType: 'endOfTransaction' }).type).toBe('ignored');
    expect(() => decoded({ operationType: 'newInVersion12' })).toThrow(
      expect.objectContaining({ code: 'unknown_event', kind: 'needs_attention' }) as Error,
    );
  });
});
