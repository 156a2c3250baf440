import { booleanElement, document, header, int32Element } from '../../../../formats/bson/build';
import { idDocument } from '../../../../formats/bson/key';
import { BsonType } from '../../../../formats/bson/types';
import { findOne } from '../../../../formats/bson/walk';
import type { Key } from '../../../../core/model/change';

const Q = header(BsonType.document, 'q');
const U = header(BsonType.document, 'u');
const UPSERT = booleanElement('upsert', true);
const LIMIT_ONE = int32Element('limit', 1);

/** The update that makes the row with this `_id` be `row`, wherever it was before. */
export const upsertStatement = (filter: Buffer, row: Buffer): Buffer => document([Q, filter, U, row, UPSERT]);

/** Never an upsert: a delta on a row that is not there would make a part of a row. */
export const updateStatement = (filter: Buffer, update: Buffer): Buffer => document([Q, filter, U, update]);

export const deleteStatement = (filter: Buffer): Buffer => document([Q, filter, LIMIT_ONE]);

/** `{ _id: … }`: the fields of a source's shard key are no part of a row's identity here. */
export function idFilter(key: Key): Buffer {
  const { bytes } = key;
  if (findOne(bytes, 0, '_id')?.end === bytes.length - 1 && bytes.toString('latin1', 5, 9) === '_id\0') return bytes;
  return idDocument(bytes) ?? bytes;
}
