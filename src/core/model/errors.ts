import type { Namespace } from './namespace';

/**
 * What to do next:
 * `retry` later · `poison` (this change only) · `needs_attention` of a person · `fenced`: stop quietly · `bug`.
 */
export type ErrorKind = 'retry' | 'poison' | 'needs_attention' | 'fenced' | 'bug';

export interface ErrorDetails {
  /** Stable name, such as `history_lost`; documented, and the Temporal failure type. */
  readonly code: string;
  readonly message: string;
  /** What a person can do; empty where nothing has to be done. True wherever it is read, also where no stream runs. */
  readonly remedy?: string;
  /** What comes after the remedy where a stream runs and waits for it, such as `Then resume the stream.` */
  readonly then?: string;
  readonly namespace?: Namespace;
  readonly keyHash?: number;
  readonly retryAfterMs?: number;
  /** With `fenced`: the epoch that the ledger holds; the workflow goes on at the next one. */
  readonly epoch?: number;
  /** Kept for the stack trace; its message must hold no row, key or secret. */
  readonly cause?: unknown;
}

export const THEN_RESUME = 'Then resume the stream.';

/** The only error that leaves a connector. Classified where the driver's error enters, by code. */
export class ReplicationError extends Error {
  override readonly name = 'ReplicationError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly remedy: string;
  readonly then: string;
  readonly namespace: Namespace | undefined;
  readonly keyHash: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly epoch: number | undefined;

  constructor(kind: ErrorKind, details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.code = details.code;
    this.remedy = details.remedy ?? '';
    this.then = details.then ?? '';
    this.namespace = details.namespace;
    this.keyHash = details.keyHash;
    this.retryAfterMs = details.retryAfterMs;
    this.epoch = details.epoch;
  }
}

export const isReplicationError = (error: unknown, code?: string): error is ReplicationError =>
  error instanceof ReplicationError && (code === undefined || error.code === code);

/** Another writer has a higher epoch: `epoch`, where it is known. */
export const fenced = (message: string, epoch?: number): ReplicationError =>
  new ReplicationError('fenced', { code: 'fenced', message, ...(epoch !== undefined && { epoch }) });

/** Rows that are read again are larger together than one step may be; the lane takes fewer. Never leaves the pump. */
export const tooMuch = (namespace: Namespace): ReplicationError =>
  new ReplicationError('retry', {
    code: 'too_much',
    message: `rows of ${namespace} are larger than what is written at a time`,
    namespace,
  });

/**
 * The destination did not finish a step in time, and nothing of it is there or can still come: the step goes in halves. Leaves
 * the pump only where one change alone takes that long.
 */
export const tooSlow = (message: string, cause?: ReplicationError): ReplicationError =>
  new ReplicationError('retry', {
    code: 'too_slow',
    message,
    remedy:
      'Find out what holds the destination up (locks, disk, memory, indexes, the network). A single large row may need a longer `advanced.stall_timeout`.',
    cause,
  });

/** A delta met a row that it does not fit; the pump looks the row up instead. Never leaves the pump. */
export const deltaMissed = (namespace: Namespace): ReplicationError =>
  new ReplicationError('poison', {
    code: 'delta_missed',
    message: `a delta did not fit its row in ${namespace}`,
    namespace,
  });

/** A remedy as it is shown with the stream: with the command that follows it there. */
export const remedyInStream = ({ remedy, then }: ReplicationError): string =>
  [remedy, then].filter((text) => text !== '').join(/[.!?]$/u.test(remedy) ? ' ' : '. ');
