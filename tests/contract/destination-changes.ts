import { setMaxListeners } from 'node:events';
import { BSON, Timestamp, type Document } from 'mongodb';
import { idDocument, keyOf } from '../../src/formats/bson/key';
import type { DeltaChange, DeleteChange, RowChange } from '../../src/core/model/change';
import type { LanePart } from '../../src/core/ports/destination';
import type { Namespace, SourceNamespace } from '../../src/core/model/namespace';
import type { Position } from '../../src/core/model/position';

export const never = new AbortController().signal;
// Whole files wait with it.
setMaxListeners(0, never);

/** A position in a made-up log. */
export const at = (token: number): Position => ({ source: 'made-up', history: 'h', token: { at: token } });

const base = (namespace: Namespace, documentKey: Buffer, bytes: number) => ({
  namespace,
  key: keyOf(documentKey),
  sourceTimeMs: 1,
  bytes,
  position: at(0),
});

/** A full state from ready-made bytes. */
export const encoded = (op: 'insert' | 'replace', namespace: Namespace, row: Buffer): RowChange => ({
  ...base(namespace, idDocument(row)!, row.length),
  op,
  row,
});

export const insert = (namespace: Namespace, row: Document): RowChange =>
  encoded('insert', namespace, Buffer.from(BSON.serialize(row)));

export const replace = (namespace: Namespace, row: Document): RowChange =>
  encoded('replace', namespace, Buffer.from(BSON.serialize(row)));

export const remove = (namespace: Namespace, _id: unknown): DeleteChange => ({
  ...base(namespace, Buffer.from(BSON.serialize({ _id })), 30),
  op: 'delete',
});

export const update = (namespace: Namespace, _id: unknown, description: Document): DeltaChange => {
  const delta = Buffer.from(
    BSON.serialize({ updatedFields: {}, removedFields: [], truncatedArrays: [], ...description }),
  );
  return {
    ...base(namespace, Buffer.from(BSON.serialize({ _id })), delta.length),
    op: 'update',
    delta,
    needsLookup: false,
  };
};

export const part = (changes: LanePart['changes'], rest: Partial<LanePart> = {}): LanePart => ({
  lane: 0,
  expected: 0,
  position: at(1),
  pastOverlap: true,
  changes,
  ...rest,
});

export const sourceNamespace = (
  name: Namespace,
  rest: Partial<SourceNamespace> & { readonly with?: Document } = {},
): SourceNamespace => ({
  name,
  identity: 'made-up',
  follows: 'stream',
  options: Buffer.from(BSON.serialize(rest.with ?? {})),
  indexes: [],
  wholeOrder: false,
  losesRows: false,
  ...rest,
});

export const emptyTimestamp = (): Timestamp => new Timestamp({ t: 0, i: 0 });
