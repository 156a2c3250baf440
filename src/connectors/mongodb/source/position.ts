import { BSON, Timestamp, type Document } from 'mongodb';
import { BsonType } from '../../../formats/bson/types';
import { elements, text } from '../../../formats/bson/walk';
import type { Json, Order, Position } from '../../../core/model/position';
import { ReplicationError } from '../../../core/model/errors';
import { readToken } from './token';

export const KIND = 'mongodb';

/** The token of a MongoDB position, as it is stored. */
export interface StreamToken {
  /** The resume token: its `_data`, or Extended JSON where it has another shape. */
  readonly data: string | { readonly [key: string]: Json };
  /** Cluster time, `seconds:increment`. */
  readonly time: string;
  /** Everything up to and including `time` has been seen: the stream was drained there. */
  readonly mark: boolean;
  /** Hash of the filter that the stream had: an event's token may not be resumed from under another one. */
  readonly filter: string;
  /** Time of the last event before a position that stands between events: the source still has it, unless it was restored. */
  readonly event?: string;
}

/** Where positions of one open source belong. */
export interface PositionScope {
  readonly history: string;
  readonly filter: string;
}

export const formatTime = (time: Timestamp): string => `${time.t}:${time.i}`;

export function parseTime(time: string): Timestamp {
  const [t = 0, i = 0] = time.split(':').map(Number);
  return new Timestamp({ t, i });
}

/** `data` of a raw resume token. */
export function tokenData(token: Buffer): StreamToken['data'] {
  const [first, ...rest] = elements(token);
  if (first?.name === '_data' && first.type === BsonType.string && rest.length === 0) return text(token, first);
  return BSON.EJSON.serialize(BSON.deserialize(token), { relaxed: false });
}

/** The resume token as the server wants it back. */
export function resumeToken({ data }: StreamToken): Document {
  return typeof data === 'string' ? { _data: data } : (BSON.EJSON.deserialize(data) as Document);
}

/** A router merges its shards by their promises: at the time of a mark, another shard may have events still to come. */
const merges = (history: string): boolean => history.startsWith('cluster:');

export const position = (
  { history, filter }: PositionScope,
  data: StreamToken['data'],
  time: Timestamp,
  mark: boolean,
  event?: string,
): Position => ({
  source: KIND,
  history,
  token: {
    data,
    time: formatTime(time),
    mark: mark && !merges(history),
    filter,
    ...(event !== undefined && { event }),
  },
});

export function tokenOf(position: Position): StreamToken {
  const token = position.token as Partial<StreamToken> | null;
  if (position.source !== KIND || typeof token !== 'object' || token?.data === undefined || token.time === undefined) {
    throw new ReplicationError('needs_attention', {
      code: 'foreign_position',
      message: `a position of the source kind "${position.source}" cannot be resumed from by ${KIND}`,
      remedy: 'Restart the stream from a snapshot.',
    });
  }
  return {
    data: token.data,
    time: token.time,
    mark: token.mark === true,
    filter: token.filter ?? '',
    ...(token.event !== undefined && { event: token.event }),
  };
}

/** Time of the event that a position names; undefined where the position names a time, or its token cannot be read. */
export function eventTime(at: Position): string | undefined {
  const { data, time } = tokenOf(at);
  const facts = typeof data === 'string' ? readToken(data) : null;
  return facts === null || facts.highWater ? undefined : time;
}

/** Histories are `set:NAME:ID`; the id is left out where the user may not read it. */
export function sameHistory(a: string, b: string): boolean {
  if (a === b) return true;
  const [, nameA, idA] = a.split(':');
  const [, nameB, idB] = b.split(':');
  return nameA === nameB && (idA === undefined || idB === undefined);
}

const compare = (a: bigint | string | number, b: bigint | string | number): -1 | 0 | 1 => (a < b ? -1 : a > b ? 1 : 0);

const NAMES = { [-1]: 'before', [0]: 'same', [1]: 'after' } as const;

/** By place in the log where tokens tell it; else by cluster time, then by whether all of that time was seen. */
export function order(a: Position, b: Position): Order {
  if (a.source !== KIND || b.source !== KIND || !sameHistory(a.history, b.history)) return 'apart';
  const left = tokenOf(a);
  const right = tokenOf(b);
  const leftFacts = typeof left.data === 'string' ? readToken(left.data) : null;
  const rightFacts = typeof right.data === 'string' ? readToken(right.data) : null;
  if (!leftFacts || !rightFacts || (leftFacts.keys === '') !== (rightFacts.keys === '')) {
    return JSON.stringify(left.data) === JSON.stringify(right.data) ? 'same' : 'apart';
  }
  if (leftFacts.keys === '') return NAMES[compare(leftFacts.sequence, rightFacts.sequence)];
  const times = compare(parseTime(left.time).toBigInt(), parseTime(right.time).toBigInt());
  if (times !== 0) return NAMES[times];
  // A transaction has many events at one time; a drained stream has seen them all.
  if (left.mark || right.mark) return NAMES[compare(Number(left.mark), Number(right.mark))];
  return NAMES[compare(leftFacts.keys, rightFacts.keys)];
}

/** `2026-05-01 12:00:00Z +3`: the source time, and the increment within its second. */
export const describe = (position: Position): string => describeTime(parseTime(tokenOf(position).time));

export function describeTime({ t, i }: Timestamp): string {
  return `${new Date(t * 1000).toISOString().replace('T', ' ').replace('.000Z', 'Z')} +${i}`;
}
