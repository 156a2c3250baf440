import { createHash } from 'node:crypto';
import type { Change } from '../../model/change';
import type { DeadLetter, DeadLetterFilter, DeadLetterState, DeadLetterSummary } from '../../model/dead-letter';
import type { Namespace } from '../../model/namespace';
import type { Json, Position } from '../../model/position';
import type { RejectedChange } from '../../ports/destination';
import type { StateRecord } from '../../ports/state-store';

/** What may be shown of a dead letter is its record's value. Times are ISO. */
export interface DeadLetterValue extends Omit<
  DeadLetterSummary,
  'id' | 'stream' | 'position' | 'sourceTime' | 'firstAt' | 'lastAt'
> {
  readonly sourceTime: string;
  readonly firstAt: string;
  readonly lastAt: string;
}

/** What is data is its body: first how long each part is, and where the change was. */
interface Parts {
  readonly key: Buffer;
  readonly row: Buffer | null;
  readonly delta: Buffer | null;
  readonly position: Position;
}

/** The rows of these are behind the source. */
export const isBehind = (state: DeadLetterState): boolean => state === 'open' || state === 'dropped';

/** The same for the same rejected change: writing it twice is writing it once. The key's identity may be long, and is data. */
export const deadLetterId = (stream: string, { namespace, key, position }: Change): string =>
  createHash('sha256')
    .update(JSON.stringify([stream, namespace, position]))
    .update(key.id, 'latin1')
    .digest('hex')
    .slice(0, 32);

export const valueOf = ({ value }: StateRecord): DeadLetterValue => value as unknown as DeadLetterValue;

/** A rejected change, as it is kept; `before`: the dead letter that its row has already. A row too large for a body is not kept. */
export function encodeRejected(
  { change, code, message, attempts, kept }: RejectedChange,
  target: Namespace,
  before: StateRecord | null,
  { now, bodyBytes }: { readonly now: string; readonly bodyBytes: number },
): { readonly value: Json; readonly body: Buffer } {
  const first = before && { ...valueOf(before), ...readBody(before) };
  const head = { key: first?.key ?? change.key.bytes, position: first?.position ?? change.position };
  const whole = writeBody({ ...head, ...(kept ? rowOf(change) : NOTHING) });
  const fits = whole.length <= bodyBytes;
  const value: DeadLetterValue = {
    namespace: first?.namespace ?? change.namespace,
    target: first?.target ?? target,
    keyHash: change.key.hash,
    op: change.op,
    code,
    message,
    attempts: (first?.attempts ?? 0) + attempts,
    sourceTime: new Date(change.sourceTimeMs).toISOString(),
    firstAt: first?.firstAt ?? now,
    lastAt: now,
    state: 'open',
    kept: kept && fits,
  };
  return { value: value as unknown as Json, body: fits ? whole : writeBody({ ...head, ...NOTHING }) };
}

const NOTHING = { row: null, delta: null };

function rowOf(change: Change): Pick<Parts, 'row' | 'delta'> {
  switch (change.op) {
    case 'insert':
    case 'replace':
      return { row: change.row, delta: null };
    case 'update':
      return { row: null, delta: change.delta };
    case 'delete':
      return NOTHING;
  }
}

function writeBody({ key, row, delta, position }: Parts): Buffer {
  const lengths = [key.length, row?.length ?? null, delta?.length ?? null];
  const head = Buffer.from(JSON.stringify({ lengths, position }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length);
  return Buffer.concat([length, head, key, row ?? Buffer.alloc(0), delta ?? Buffer.alloc(0)]);
}

export function readBody({ body = Buffer.alloc(0) }: StateRecord): Parts {
  let at = 4 + body.readUInt32BE(0);
  const { lengths, position } = JSON.parse(body.toString('utf8', 4, at)) as {
    readonly lengths: readonly [number, number | null, number | null];
    readonly position: Position;
  };
  const next = (length: number): Buffer => body.subarray(at, (at += length));
  const [key, row, delta] = lengths;
  return { position, key: next(key), row: row === null ? null : next(row), delta: delta === null ? null : next(delta) };
}

export const matches = (
  record: StateRecord,
  id: string,
  { namespace, code, state, ids }: DeadLetterFilter,
): boolean => {
  const value = valueOf(record);
  return (
    (namespace === undefined || value.namespace === namespace) &&
    (code === undefined || value.code === code) &&
    (state === undefined || value.state === state) &&
    (ids === undefined || ids.includes(id))
  );
};

export function deadLetterOf(stream: string, id: string, record: StateRecord): DeadLetter {
  const { sourceTime, firstAt, lastAt, ...value } = valueOf(record);
  return {
    ...value,
    ...readBody(record),
    id,
    stream,
    sourceTime: new Date(sourceTime),
    firstAt: new Date(firstAt),
    lastAt: new Date(lastAt),
  };
}
