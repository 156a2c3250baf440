import { BsonType } from './types';

/** Bytes that are not BSON. The message tells the place, never the content. */
export class CorruptBson extends Error {
  override readonly name = 'CorruptBson';

  constructor(what: string, offset: number) {
    super(`corrupt BSON at byte ${offset}: ${what}`);
  }
}

/** One element of a document: its value lies in `[start, end)` of the buffer it was found in. */
export interface Element {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

export interface NamedElement extends Element {
  readonly name: string;
  /** Where its type byte stands: `[from, end)` is the whole element. */
  readonly from: number;
}

/** By type; of the others the size is in the value. */
const FIXED: readonly (number | undefined)[] = sizesOf([
  [BsonType.double, 8],
  [BsonType.undefined, 0],
  [BsonType.objectId, 12],
  [BsonType.boolean, 1],
  [BsonType.date, 8],
  [BsonType.null, 0],
  [BsonType.int32, 4],
  [BsonType.timestamp, 8],
  [BsonType.int64, 8],
  [BsonType.decimal128, 16],
  [BsonType.maxKey, 0],
  [BsonType.minKey, 0],
]);

function sizesOf(sizes: readonly (readonly [type: number, size: number])[]): (number | undefined)[] {
  const byType = new Array<number | undefined>(256).fill(undefined);
  for (const [type, size] of sizes) byType[type] = size;
  return byType;
}

function sized(buf: Buffer, offset: number, around: number, smallest: number): number {
  if (offset + 4 > buf.length) throw new CorruptBson('a length is cut off', offset);
  const size = buf.readInt32LE(offset);
  if (size < smallest) throw new CorruptBson('a length is too small', offset);
  return offset + around + size;
}

/** A loop, because names are short: `indexOf` takes longer to begin than they are. */
function cstringEnd(buf: Buffer, offset: number): number {
  const { length } = buf;
  for (let at = offset; at < length; at += 1) if (buf[at] === 0) return at;
  throw new CorruptBson('a string has no end', offset);
}

/** Where the value that starts at `offset` ends. */
function valueEnd(buf: Buffer, type: number, offset: number): number {
  switch (type) {
    case BsonType.string:
    case BsonType.code:
    case BsonType.symbol:
      return sized(buf, offset, 4, 1);
    case BsonType.document:
    case BsonType.array:
      return sized(buf, offset, 0, 5);
    case BsonType.codeWithScope:
      return sized(buf, offset, 0, 14);
    case BsonType.binary:
      return sized(buf, offset, 5, 0);
    case BsonType.dbPointer:
      return sized(buf, offset, 16, 1);
    case BsonType.regex:
      return cstringEnd(buf, cstringEnd(buf, offset) + 1) + 1;
    default: {
      const size = FIXED[type];
      if (size === undefined) throw new CorruptBson(`unknown element type ${type}`, offset);
      return offset + size;
    }
  }
}

/** Where the document that starts at `offset` ends, its terminator included. */
export function documentEnd(buf: Buffer, offset = 0): number {
  const end = sized(buf, offset, 0, 5);
  if (end > buf.length) throw new CorruptBson('a document is cut off', offset);
  if (buf[end - 1] !== 0) throw new CorruptBson('a document has no terminator', offset);
  return end;
}

/** Calls `visit` for each element until it answers true; returns whether it did. */
export function walk(
  buf: Buffer,
  offset: number,
  visit: (type: number, nameStart: number, nameEnd: number, start: number, end: number) => boolean | undefined,
): boolean {
  const last = documentEnd(buf, offset) - 1;
  let at = offset + 4;
  while (at < last) {
    const type = buf[at] ?? 0;
    const nameEnd = cstringEnd(buf, at + 1);
    const end = valueEnd(buf, type, nameEnd + 1);
    if (end > last) throw new CorruptBson('a value is larger than its document', at);
    if (visit(type, at + 1, nameEnd, nameEnd + 1, end) === true) return true;
    at = end;
  }
  return false;
}

interface Wanted {
  readonly name: string;
  readonly index: number;
}

/** Names to look for, ASCII only; each is told by its place in the list. Compared byte by byte: no string is made. */
export class Names {
  readonly size: number;
  /** By length. */
  readonly #byLength: (readonly Wanted[] | undefined)[] = [];

  constructor(list: readonly string[]) {
    this.size = list.length;
    for (const [index, name] of list.entries())
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), { name, index }];
  }

  /** -1 where the bytes are none of the names. */
  indexOf(buf: Buffer, start: number, end: number): number {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return -1;
    for (const { name, index } of candidates) if (isName(buf, start, end, name)) return index;
    return -1;
  }
}

function isName(buf: Buffer, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i += 1) if (buf[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

export const names = (...list: readonly string[]): Names => new Names(list);

/** The first element of each name, in the order of `wanted`. Stops when it has them all. */
export function find(buf: Buffer, offset: number, wanted: Names): (Element | undefined)[] {
  const found = new Array<Element | undefined>(wanted.size).fill(undefined);
  let missing = wanted.size;
  walk(buf, offset, (type, nameStart, nameEnd, start, end) => {
    const index = wanted.indexOf(buf, nameStart, nameEnd);
    // The first of duplicate names is the one that the server sees.
    if (index < 0 || found[index] !== undefined) return false;
    found[index] = { type, start, end };
    return --missing === 0;
  });
  return found;
}

/** `name`: ASCII only. */
export function findOne(buf: Buffer, offset: number, name: string): Element | undefined {
  let found: Element | undefined;
  walk(buf, offset, (type, nameStart, nameEnd, start, end) => {
    if (!isName(buf, nameStart, nameEnd, name)) return false;
    found = { type, start, end };
    return true;
  });
  return found;
}

/** Every element of a document or array, with its name. */
export function elements(buf: Buffer, offset = 0): NamedElement[] {
  const list: NamedElement[] = [];
  walk(buf, offset, (type, nameStart, nameEnd, start, end) => {
    list.push({ type, name: buf.toString('utf8', nameStart, nameEnd), from: nameStart - 1, start, end });
    return false;
  });
  return list;
}

/** The bytes of a string or symbol value, not copied: its text would have U+FFFD in place of what is not valid UTF-8. */
export const textBytes = (buf: Buffer, { start, end }: Element): Buffer => buf.subarray(start + 4, end - 1);

/** The bytes of a value, not copied. */
export const slice = (buf: Buffer, element: Element): Buffer => buf.subarray(element.start, element.end);

/** The text of a string or symbol value. */
export const text = (buf: Buffer, element: Element): string => buf.toString('utf8', element.start + 4, element.end - 1);
