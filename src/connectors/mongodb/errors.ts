import {
  MongoAPIError,
  MongoClientClosedError,
  MongoCompatibilityError,
  MongoError,
  MongoExpiredSessionError,
  MongoMissingCredentialsError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoParseError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from 'mongodb';
import { ReplicationError, type ErrorKind } from '../../core/model/errors';
import type { Namespace } from '../../core/model/namespace';
import { SERVER_CODES, type Meaning } from './error-codes';
import { unreachable } from './unreachable';

export interface Where {
  readonly role: 'source' | 'destination';
  readonly namespace?: Namespace;
  /** Hash of the key that the failing statement names. */
  readonly keyHash?: number;
}

/** What a server says about one statement of a command, or about its write concern. */
export interface ServerRefusal {
  readonly code: number;
  readonly codeName?: string;
}

/** Labels with which a server or the driver says that the same may work in a moment. */
const PASSING = ['RetryableWriteError', 'TransientTransactionError', 'ResumableChangeStreamError', 'RetryableError'];

/** By class and code, never by message text; the driver's own message is dropped, because it may quote keys and rows. */
export function classify(error: unknown, where: Where): ReplicationError {
  if (error instanceof ReplicationError) return error;
  const cause = withoutMessage(error);
  if (error instanceof MongoServerError) {
    const refusal = refusalOf(error);
    if (error instanceof MongoWriteConcernError) return classifyWriteConcern(refusal, where);
    const meaning = SERVER_CODES.get(refusal.code);
    if (meaning) return told(meaning, refusal, where, cause);
    const passing = PASSING.some((label) => error.hasErrorLabel(label));
    return told(passing ? INTERRUPTED : UNKNOWN_SERVER_ERROR, refusal, where, cause);
  }
  if (isAbort(error)) return told(CANCELLED, null, where, cause);
  return told(driverMeaning(error), null, where, cause);
}

/** What a refused statement means: without a better word it is a fault of this change, and only of it. */
export function classifyStatement(refusal: ServerRefusal, where: Where): ReplicationError {
  return told(SERVER_CODES.get(refusal.code) ?? REFUSED, refusal, where, undefined);
}

/** The write is not known to be durable. */
export const classifyWriteConcern = (refusal: ServerRefusal, where: Where): ReplicationError =>
  told(SERVER_CODES.get(64) ?? INTERRUPTED, refusal, where, undefined);

/** Worth waiting for, or the end of this writer; everything else is a refusal, which must not hold up the rows. */
export const isPassing = ({ kind, code }: { readonly kind: string; readonly code: string }): boolean =>
  kind === 'fenced' || (kind === 'retry' && code !== 'server_error');

export const codeOf = (error: unknown): number | undefined =>
  error instanceof MongoServerError && typeof error.code === 'number' ? error.code : undefined;

export const hasLabel = (error: unknown, label: string): boolean =>
  error instanceof MongoError && error.hasErrorLabel(label);

const meaning = (kind: ErrorKind, code: string, text: string, remedy = ''): Meaning => ({ kind, code, text, remedy });

const UNKNOWN_SERVER_ERROR = meaning('retry', 'server_error', 'the server answered with an error');
const REFUSED = meaning('poison', 'refused', 'the server refuses this write');
const INTERRUPTED = meaning('retry', 'interrupted', 'the operation was interrupted');
const CANCELLED = meaning('retry', 'cancelled', 'the operation was cancelled');
const CLOSED = meaning('retry', 'closed', 'the connection was closed');
const BUG = meaning('bug', 'unexpected', 'an unexpected error');
const NOT_REACHABLE = meaning(
  'retry',
  'not_reachable',
  'no usable server answers',
  'Check that the server runs, that its address is right and can be reached from the machine that says so, and its TLS settings.',
);
const INVALID_CONNECTION = meaning(
  'needs_attention',
  'invalid_connection',
  'the driver refuses the connection settings',
  'Check connection_string, its options, and the certificate files that auth_id names.',
);
const UNSUPPORTED = meaning(
  'needs_attention',
  'unsupported',
  'the server lacks something that is needed',
  'Use a server of a version that has it: MongoDB 4.2 or later as source, 4.4 or later as destination.',
);

function driverMeaning(error: unknown): Meaning {
  if (
    error instanceof MongoClientClosedError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoExpiredSessionError
  )
    return CLOSED;
  if (error instanceof MongoServerSelectionError) return unreachable(error, NOT_REACHABLE);
  if (error instanceof MongoNetworkError) return NOT_REACHABLE;
  if (error instanceof MongoParseError || error instanceof MongoMissingCredentialsError) return INVALID_CONNECTION;
  if (error instanceof MongoCompatibilityError) return UNSUPPORTED;
  if (error instanceof MongoAPIError) return BUG;
  if (error instanceof MongoError) return NOT_REACHABLE;
  // Node's own network errors, where the driver lets one through.
  return error instanceof Error && 'syscall' in error ? NOT_REACHABLE : BUG;
}

/** By name: what a signal aborts with is no `Error` everywhere. */
const isAbort = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'name' in error &&
  (error.name === 'AbortError' || error.name === 'TimeoutError');

/** A reply that failed for its write concern has that code inside. */
function refusalOf(error: MongoServerError): ServerRefusal {
  const inner = error['writeConcernError'] as { code?: unknown; codeName?: unknown } | undefined;
  const code = typeof error.code === 'number' ? error.code : typeof inner?.code === 'number' ? inner.code : 0;
  return error.codeName === undefined ? { code } : { code, codeName: error.codeName };
}

function told(
  { kind, code, text, remedy, then }: Meaning,
  refusal: ServerRefusal | null,
  where: Where,
  cause: unknown,
) {
  const number = refusal === null ? '' : ` (code ${refusal.code}${safeName(refusal.codeName)})`;
  const place = where.namespace === undefined ? '' : ` in ${where.namespace}`;
  return new ReplicationError(kind, {
    code,
    message: `${where.role}: ${text}${place}${number}`,
    remedy,
    ...(then !== undefined && { then }),
    ...(where.namespace !== undefined && { namespace: where.namespace }),
    ...(where.keyHash !== undefined && { keyHash: where.keyHash }),
    ...(cause !== undefined && { cause }),
  });
}

/** Names of codes are constants of the server; anything else that stands there is not repeated. */
const safeName = (name: unknown): string =>
  typeof name === 'string' && /^[A-Za-z]{1,60}$/u.test(name) ? ` ${name}` : '';

/** Class and stack of an error, without its message. */
function withoutMessage(error: unknown): Error {
  const name = error instanceof Error ? error.constructor.name : typeof error;
  const safe = new Error(name);
  const frames = (error instanceof Error ? (error.stack ?? '') : '')
    .split('\n')
    .filter((line) => /^\s+at /u.test(line));
  safe.stack = [name, ...frames].join('\n');
  return safe;
}
