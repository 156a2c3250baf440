import { Timestamp } from 'mongodb';
import { slice, type Element } from '../../../../formats/bson/walk';
import type { DeleteChange, DeltaChange, Key, RowChange } from '../../../../core/model/change';
import type { Namespace } from '../../../../core/model/namespace';
import type { Position } from '../../../../core/model/position';
import { parseTime, position, tokenData, tokenOf, type PositionScope } from '../position';

/** What a place is made of: the event's own bytes, decoded only when its position is needed. */
export interface PlaceParts {
  readonly scope: PositionScope;
  readonly buffer: Buffer;
  readonly token: Element;
  /** Its cluster time; zero where the server tells none. */
  readonly seconds: number;
  readonly increment: number;
  readonly sourceTimeMs: number;
  /** UUID of the collection, where the server tells it. */
  readonly collection: Element | null;
}

/** Where an event stands. Its position is made only when it is needed: most events are no boundary. */
export class Place {
  readonly #of: PlaceParts | Position;
  readonly sourceTimeMs: number;

  constructor(of: PlaceParts | Position, sourceTimeMs: number) {
    this.#of = of;
    this.sourceTimeMs = sourceTimeMs;
  }

  get time(): Timestamp {
    if (isPosition(this.#of)) return parseTime(tokenOf(this.#of).time);
    const { seconds: t, increment: i } = this.#of;
    return new Timestamp({ t, i });
  }

  /** What the collection is, whatever its name is by now; empty where the server does not tell. */
  get identity(): string {
    if (isPosition(this.#of) || this.#of.collection === null) return '';
    return uuidOf(this.#of.buffer, this.#of.collection);
  }

  /** Whether this is the event that a raw resume token names. */
  isNamedBy(token: Buffer): boolean {
    return !isPosition(this.#of) && slice(this.#of.buffer, this.#of.token).equals(token);
  }

  get position(): Position {
    if (isPosition(this.#of)) return this.#of;
    const { scope, buffer, token } = this.#of;
    return position(scope, tokenData(slice(buffer, token)), this.time, false);
  }
}

const isPosition = (of: PlaceParts | Position): of is Position => 'history' in of;

export abstract class Row {
  readonly namespace: Namespace;
  readonly key: Key;
  readonly bytes: number;
  readonly place: Place;

  constructor(namespace: Namespace, place: Place, key: Key, bytes: number) {
    this.namespace = namespace;
    this.place = place;
    this.key = key;
    this.bytes = bytes;
  }

  get sourceTimeMs(): number {
    return this.place.sourceTimeMs;
  }

  get position(): Position {
    return this.place.position;
  }

  get identity(): string {
    return this.place.identity;
  }
}

export class FullRow extends Row implements RowChange {
  readonly op: 'insert' | 'replace';
  readonly row: Buffer;

  constructor(op: 'insert' | 'replace', namespace: Namespace, place: Place, key: Key, row: Buffer) {
    super(namespace, place, key, row.length);
    this.op = op;
    this.row = row;
  }
}

export interface DeltaParts {
  readonly delta: Buffer;
  readonly needsLookup: boolean;
}

export class Delta extends Row implements DeltaChange {
  readonly op = 'update';
  readonly delta: Buffer;
  readonly needsLookup: boolean;

  constructor(namespace: Namespace, place: Place, key: Key, { delta, needsLookup }: DeltaParts) {
    super(namespace, place, key, key.bytes.length + delta.length);
    this.delta = delta;
    this.needsLookup = needsLookup;
  }
}

/** The 16 bytes of a binary value, behind its length and its subtype. */
const uuidOf = (buffer: Buffer, { start, end }: Element): string => buffer.toString('hex', start + 5, end);

export class Deleted extends Row implements DeleteChange {
  readonly op = 'delete';

  constructor(namespace: Namespace, place: Place, key: Key) {
    super(namespace, place, key, key.bytes.length);
  }
}
