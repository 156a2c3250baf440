import { Timestamp } from 'mongodb';
import { BsonType } from '../../../formats/bson/types';
import { CorruptBson, find, names, text, type Element } from '../../../formats/bson/walk';

/** What can be read out of a resume token's `_data`. */
export interface TokenFacts {
  readonly time: Timestamp;
  /** Sorts tokens of one log: as numbers, or where `keys` is set as text. */
  readonly sequence: bigint;
  readonly keys: string;
  /** Names a point in time and no event, so it survives another filter. */
  readonly highWater: boolean;
}

const HEX = /^(?:[0-9a-fA-F]{2})+$/u;
/** MongoDB: a KeyString of cluster time, version, token type (0 for a high-water mark) and the event's identity. */
const KEY_STRING = /^82[0-9a-fA-F]{16}/u;
const HIGH_WATER = /^82[0-9a-fA-F]{16}2B0[0-9A-F]29/iu;
const FIELDS = names('s', 't', 'n', 'i');

/** Null for a token that is not understood: such tokens are resumed from, never compared. */
export function readToken(data: string): TokenFacts | null {
  if (KEY_STRING.test(data)) {
    const time = new Timestamp({
      t: Number.parseInt(data.slice(2, 10), 16),
      i: Number.parseInt(data.slice(10, 18), 16),
    });
    return { time, sequence: 0n, keys: data.toUpperCase(), highWater: HIGH_WATER.test(data) };
  }
  return HEX.test(data) ? readDocumentToken(Buffer.from(data, 'hex')) : null;
}

/**
 * The embedded servers: a BSON document with the place in the log, the time, the namespace and the key. Their length
 * comes first, so their text does not sort; and a high-water mark's time is that of the reply, later than its place.
 */
function readDocumentToken(bytes: Buffer): TokenFacts | null {
  try {
    const [place, time, namespace, invalidate] = find(bytes, 0, FIELDS);
    const sequence = place && wholeNumber(bytes, place);
    if (sequence === undefined || time?.type !== BsonType.timestamp) return null;
    const name = namespace?.type === BsonType.string ? text(bytes, namespace) : '';
    return {
      time: new Timestamp(bytes.readBigUInt64LE(time.start)),
      // The invalidate of a drop has the drop's place and comes after it.
      sequence: sequence * 2n + (invalidate ? 1n : 0n),
      keys: '',
      highWater: name === '' || name.endsWith('.$cmd.aggregate'),
    };
  } catch (error) {
    if (error instanceof CorruptBson) return null;
    throw error;
  }
}

function wholeNumber(bytes: Buffer, element: Element): bigint | undefined {
  if (element.type === BsonType.int64) return bytes.readBigInt64LE(element.start);
  if (element.type === BsonType.int32) return BigInt(bytes.readInt32LE(element.start));
  return undefined;
}
