import type { EncodedRow, Key } from '../../src/core/model/change';

/** A row of the simulation: its key, and fields that are numbers or words. */
export interface Row {
  readonly key: string;
  readonly fields: Fields;
}

export type Fields = Readonly<Record<string, number | string>>;

/** What an update changed. */
export interface Delta {
  readonly set: Fields;
  readonly unset: readonly string[];
}

/** Rows that the destination refuses have this field. */
export const BAD = 'bad';
/** Two rows of one namespace never share a value of this field. */
export const UNIQUE = 'u';

const decoded = new WeakMap<Buffer, Row>();

/** An encoding of the simulation's own: the core must not look inside. */
export function encodeRow({ key, fields }: Row): EncodedRow {
  const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = Buffer.from(JSON.stringify([key, sorted]), 'latin1');
  decoded.set(bytes, { key, fields });
  return bytes;
}

export function decodeRow(bytes: EncodedRow): Row {
  const known = decoded.get(bytes);
  if (known !== undefined) return known;
  const [key, fields] = JSON.parse(bytes.toString('latin1')) as [string, [string, number | string][]];
  const row = { key, fields: Object.fromEntries(fields) };
  decoded.set(bytes, row);
  return row;
}

export const encodeDelta = (delta: Delta): Buffer => Buffer.from(JSON.stringify(delta), 'latin1');

export function applyDelta(row: EncodedRow, delta: Buffer): EncodedRow {
  const { key, fields } = decodeRow(row);
  const { set, unset } = JSON.parse(delta.toString('latin1')) as Delta;
  const kept = Object.entries({ ...fields, ...set }).filter(([name]) => !unset.includes(name));
  return encodeRow({ key, fields: Object.fromEntries(kept) });
}

const keys = new Map<string, Key>();

export function keyOf(id: string): Key {
  let key = keys.get(id);
  if (key === undefined) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < id.length; i += 1) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0;
    key = { id, hash: (hash ^ (hash >>> 13)) >>> 0, bytes: Buffer.from(id, 'latin1') };
    keys.set(id, key);
  }
  return key;
}

/** A key, or a row: a repair names a row by its key alone. */
export function keyOfBytes(bytes: Buffer): Key {
  return keyOf(bytes[0] === 0x5b ? decodeRow(bytes).key : bytes.toString('latin1'));
}
