import { Binary, type Collection, type Document, type MongoClient } from 'mongodb';
import type { Json } from '../../../core/model/position';
import type { RecordOp, StateRecord } from '../../../core/ports/state-store';

/** A record as it is kept. Values are text: names inside may hold what a field must not, and their order counts. */
export interface StateDocument {
  readonly _id: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly generation: number;
  readonly value: string;
  readonly native?: string;
  readonly body?: Binary;
  /** Of a slot: its id outlives every worker, so that a successor can abort what is open on it. No write but a fence changes it. */
  readonly session?: Binary;
  /** The call that has raised the record to its epoch. */
  readonly fencedBy?: Binary;
}

/** Where records are. */
export interface StateCollection {
  readonly client: MongoClient;
  readonly records: Collection<StateDocument>;
}

/** The session of a slot is told as its `native` part, and never written by who hands it on. */
export const readRecord = ({
  _id,
  epoch,
  sequence,
  generation,
  value,
  native,
  body,
  session,
}: StateDocument): StateRecord => ({
  key: _id,
  epoch,
  sequence,
  generation,
  value: JSON.parse(value) as Json,
  ...(native !== undefined && { native: JSON.parse(native) as Json }),
  ...(session !== undefined && { native: { session: session.toString('hex') } }),
  ...(body !== undefined && { body: Buffer.from(body.value()) }),
});

/** The session of a slot, as `fence` has answered it. */
export function sessionOf({ native }: StateRecord): Binary | null {
  const { session } = Object(native) as { readonly session?: unknown };
  return typeof session === 'string' ? new Binary(Buffer.from(session, 'hex'), Binary.SUBTYPE_UUID) : null;
}

export function documentOf(record: StateRecord): StateDocument {
  const { key, epoch, sequence, generation, value, native, body } = record;
  return {
    _id: key,
    epoch,
    sequence,
    generation,
    value: JSON.stringify(value),
    ...(native !== undefined && sessionOf(record) === null && { native: JSON.stringify(native) }),
    ...(body !== undefined && { body: new Binary(body) }),
  };
}

export function updateOf(record: StateRecord): Document {
  const { _id: _key, ...fields } = documentOf(record);
  const gone = (['native', 'body'] as const).filter((name) => !(name in fields));
  return { $set: fields, ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map((name) => [name, true])) }) };
}

export interface Statements {
  readonly updates: Document[];
  readonly inserts: StateDocument[];
  readonly deletes: { readonly q: { readonly _id: string }; readonly limit: 1 }[];
}

/** Inserts go last: one that is there already aborts the transaction, and nothing can be asked in it any more. */
export function statementsOf(ops: readonly RecordOp[]): Statements {
  const statements: Statements = { updates: [], inserts: [], deletes: [] };
  for (const op of ops) {
    const mark = typeof op.expect === 'object' ? { epoch: op.expect.epoch, sequence: op.expect.sequence } : {};
    if (op.op === 'remove') statements.deletes.push({ q: { _id: op.key, ...mark }, limit: 1 });
    else if (op.expect === 'absent') statements.inserts.push(documentOf(op.next));
    else
      statements.updates.push({
        q: { _id: op.next.key, ...mark },
        u: updateOf(op.next),
        ...(op.expect === 'any' && { upsert: true }),
      });
  }
  return statements;
}
