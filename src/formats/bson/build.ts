import { BsonType } from './types';

/** The type byte and name that precede a value. Made once and used for many documents. */
export const header = (type: number, name: string): Buffer =>
  Buffer.concat([Buffer.from([type]), Buffer.from(name, 'utf8'), Buffer.from([0])]);

/** The same from the bytes of a name, which need not be valid UTF-8: old drivers wrote such names. */
export const rawHeader = (type: number, name: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), name, Buffer.from([0])]);

/** A document of ready-made pieces: headers each followed by the value's bytes, or whole elements. */
export function document(pieces: readonly Buffer[]): Buffer {
  let size = 5;
  for (const piece of pieces) size += piece.length;
  const out = Buffer.allocUnsafe(size);
  out.writeInt32LE(size, 0);
  let at = 4;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  out[at] = 0;
  return out;
}

/** One element with its value given as bytes. */
export const element = (type: number, name: string, value: Buffer): Buffer =>
  Buffer.concat([header(type, name), value]);

export const booleanElement = (name: string, value: boolean): Buffer =>
  element(BsonType.boolean, name, Buffer.from([value ? 1 : 0]));

export function int32Element(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return element(BsonType.int32, name, bytes);
}

export function stringElement(name: string, value: string): Buffer {
  const text = Buffer.from(value, 'utf8');
  const bytes = Buffer.alloc(text.length + 5);
  bytes.writeInt32LE(text.length + 1);
  text.copy(bytes, 4);
  return element(BsonType.string, name, bytes);
}

const indexHeaders = new Map<number, Buffer[]>();

function indexHeader(type: number, index: number): Buffer {
  let list = indexHeaders.get(type);
  if (list === undefined) indexHeaders.set(type, (list = []));
  return index < 10_000 ? (list[index] ??= header(type, String(index))) : header(type, String(index));
}

/** The body of an array of values of one type; use it as the value of an `array` element. */
export function array(values: readonly Buffer[], type: number = BsonType.document): Buffer {
  const pieces = new Array<Buffer>(values.length * 2);
  values.forEach((value, index) => {
    pieces[index * 2] = indexHeader(type, index);
    pieces[index * 2 + 1] = value;
  });
  return document(pieces);
}
