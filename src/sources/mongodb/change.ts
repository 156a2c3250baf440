import type { Timestamp } from 'mongodb';
import type { DeleteChange, DeltaChange, Key, RowChange } from '../../replication/change';
import type { Namespace } from '../../replication/namespace';
import type { Position } from '../../replication/position';
import { parseTime, position, tokenData, tokenOf, type PositionScope } from './position';

/** Where an event stands. Its position is made only when somebody asks. */
export class Place {
  readonly #make: PositionScope | Position;
  readonly #token: Buffer | null;
  readonly #collection: Buffer | null;
  readonly time: Timestamp;
  readonly sourceTimeMs: number;

  /** `collection`: its UUID, raw, where the server tells it. */
  constructor(
    make: PositionScope | Position,
    token: Buffer | null,
    time: Timestamp,
    sourceTimeMs: number,
    collection: Buffer | null = null,
  ) {
    this.#make = make;
    this.#token = token;
    this.#collection = collection;
    this.time = time;
    this.sourceTimeMs = sourceTimeMs;
  }

  /** What the collection is, whatever its name is by now; empty where the server does not tell. */
  get identity(): string {
    return this.#collection === null ? '' : uuidOf(this.#collection);
  }

  /** The place of a change that another process made. */
  static at(position: Position, sourceTimeMs: number): Place {
    return new Place(position, null, parseTime(tokenOf(position).time), sourceTimeMs);
  }

  /** Whether this is the event that a raw resume token names. */
  isNamedBy(token: Buffer): boolean {
    return this.#token?.equals(token) === true;
  }

  get position(): Position {
    if ('token' in this.#make) return this.#make;
    if (this.#token === null) throw new TypeError('a place needs a token or a position');
    return position(this.#make, tokenData(this.#token), this.time, false);
  }
}

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

/** The 16 bytes of a raw binary value, behind its length and its subtype. */
export const uuidOf = (binary: Buffer): string => binary.toString('hex', 5);

export class Deleted extends Row implements DeleteChange {
  readonly op = 'delete';

  constructor(namespace: Namespace, place: Place, key: Key) {
    super(namespace, place, key, key.bytes.length);
  }
}
