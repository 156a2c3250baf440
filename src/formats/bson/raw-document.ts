import { document, header } from './build';
import { identityOf } from './key';
import { toDriver } from './value';
import { BsonType } from './types';
import { elements, slice, text, type NamedElement } from './walk';

/** One value as it lies in a document. */
export interface RawValue {
  readonly type: number;
  readonly bytes: Buffer;
}

interface Field {
  readonly name: string;
  /** Type, name and value. */
  readonly whole: Buffer;
  readonly value: RawValue;
}

/**
 * A document as an ordered list of names and undecoded values, for what is handed on: options of collections,
 * specifications of indexes. A JavaScript object would put names that look like integers first ({ b: 1, 10: 1 } becomes
 * { 10: 1, b: 1 }), and a compound index would be another one.
 */
export class RawDocument {
  static readonly EMPTY = new RawDocument([]);
  readonly #fields: readonly Field[];

  private constructor(fields: readonly Field[]) {
    this.#fields = fields;
  }

  /** No bytes are an empty document. */
  static from(bytes: Uint8Array): RawDocument {
    if (bytes.length === 0) return RawDocument.EMPTY;
    const buf = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new RawDocument(elements(buf).map((each) => fieldOf(buf, each)));
  }

  get bytes(): Buffer {
    return document(this.#fields.map(({ whole }) => whole));
  }

  get names(): readonly string[] {
    return this.#fields.map(({ name }) => name);
  }

  get isEmpty(): boolean {
    return this.#fields.length === 0;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The first of duplicate names is the one that the server sees. */
  get(name: string): RawValue | undefined {
    return this.#fields.find((field) => field.name === name)?.value;
  }

  document(name: string): RawDocument | undefined {
    const value = this.get(name);
    return value?.type === BsonType.document ? RawDocument.from(value.bytes) : undefined;
  }

  /** The documents of an array; empty where the field is no array. */
  documents(name: string): RawDocument[] {
    const value = this.get(name);
    if (value?.type !== BsonType.array) return [];
    return elements(value.bytes)
      .filter(({ type }) => type === BsonType.document)
      .map((each) => RawDocument.from(slice(value.bytes, each)));
  }

  text(name: string): string | undefined {
    const value = this.get(name);
    return value?.type === BsonType.string ? text(value.bytes, elementOf(value)) : undefined;
  }

  /** Whether a field is `true`, or a number other than 0, as old servers stored flags. */
  flag(name: string): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    return value.type === BsonType.boolean ? value.bytes[0] === 1 : isNumber(value) && valueId(value) !== 'n0';
  }

  pick(wanted: (name: string) => boolean): RawDocument {
    return new RawDocument(this.#fields.filter(({ name }) => wanted(name)));
  }

  without(...names: readonly string[]): RawDocument {
    return this.pick((name) => !names.includes(name));
  }

  /** With a value in the place of the old one, else at the end. */
  with(name: string, value: RawValue): RawDocument {
    const field = { name, whole: Buffer.concat([header(value.type, name), value.bytes]), value };
    if (!this.has(name)) return new RawDocument([...this.#fields, field]);
    return new RawDocument(this.#fields.map((each) => (each.name === name ? field : each)));
  }

  get value(): RawValue {
    return { type: BsonType.document, bytes: this.bytes };
  }

  /**
   * For the driver, which keeps the order of a Map. Null where the driver has no exact form of it: a date out of
   * JavaScript's range, a name given twice, bytes that are no UTF-8.
   */
  toMap(): ReadonlyMap<string, unknown> | null {
    const value = this.value;
    const sent = toDriver(value.bytes, elementOf(value));
    return sent === null ? null : (sent.value as ReadonlyMap<string, unknown>);
  }
}

const elementOf = ({ type, bytes }: RawValue) => ({ type, start: 0, end: bytes.length });

const fieldOf = (buf: Buffer, each: NamedElement): Field => ({
  name: each.name,
  whole: buf.subarray(each.from, each.end),
  value: { type: each.type, bytes: slice(buf, each) },
});

const NUMBERS: ReadonlySet<number> = new Set([BsonType.double, BsonType.int32, BsonType.int64, BsonType.decimal128]);

export const isNumber = ({ type }: RawValue): boolean => NUMBERS.has(type);

/** Equal texts exactly for what the server holds for one: numbers by value, documents by names and values in order. */
const valueId = (value: RawValue): string => identityOf(value.bytes, elementOf(value));

/** Whether the server holds two values for one: 1 and 1.0 are, { a: 1, b: 1 } and { b: 1, a: 1 } are not. */
export const sameValue = (a: RawValue | undefined, b: RawValue | undefined): boolean =>
  a === undefined || b === undefined ? a === b : valueId(a) === valueId(b);

export function rawBoolean(value: boolean): RawValue {
  return { type: BsonType.boolean, bytes: Buffer.from([value ? 1 : 0]) };
}

export function rawText(value: string): RawValue {
  const body = Buffer.from(value, 'utf8');
  const bytes = Buffer.alloc(body.length + 5);
  bytes.writeInt32LE(body.length + 1);
  body.copy(bytes, 4);
  return { type: BsonType.string, bytes };
}

export function rawInteger(value: number): RawValue {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return { type: BsonType.int32, bytes };
}
