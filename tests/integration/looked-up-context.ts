import { type Document } from 'mongodb';
import { CoreStream, type CoreOptions } from '../support/core';

export type Row = Document & { _id: number };

export const rows = (t: CoreStream) => t.sourceDb.collection<Row>('rows');

/** A unique index on `u`, in force at both sides. */
export async function unique(t: CoreStream): Promise<void> {
  for (const db of [t.sourceDb, t.destinationDb])
    await db.collection('rows').createIndex({ u: 1 }, { unique: true }, {});
}

export async function open(options: CoreOptions): Promise<CoreStream> {
  const t = await CoreStream.open({ lanes: 1, ...options });
  await rows(t).insertMany([1, 2].map((id) => ({ _id: id, u: id })));
  await t.copy();
  await t.catchUp();
  await unique(t);
  return t;
}

/** Row 2 takes the value of row 1; by then an older update of row 2 is not applied yet. */
export async function moves(t: CoreStream): Promise<void> {
  await rows(t).updateOne({ _id: 1 }, { $set: { u: 10 } });
  await rows(t).updateOne({ _id: 2 }, { $set: { u: 1 } });
}
