import type { ErrorKind } from '../core/model/errors';
import type { Namespace } from '../core/model/namespace';
import type { Position } from '../core/model/position';

/** A failure as it travels from an activity to a person. Holds no row, key or secret, apart from the token of `position`. */
export interface FailureInfo {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly namespace?: Namespace;
  /** The low water at the time of the failure. */
  readonly position?: Position;
  /** The epoch found in the ledger, where it was at ours or above: the workflow goes on at that + 1. */
  readonly ledgerEpoch?: number;
  readonly retryAfterMs?: number;
  /** What it tells of stands in the way of its namespace alone. */
  readonly parks?: boolean;
}

/** Details of the failure of every call: what went wrong, and the last progress of the leg, copy or replay. */
export type FailureDetails = readonly [info: FailureInfo, progress: unknown];

/** The call was told to end, and did. */
export const INTERRUPTED: FailureInfo = {
  kind: 'retry',
  code: 'interrupted',
  message: 'the call was interrupted',
  remedy: '',
};

/** Type of the failure that a worker gives to activities of the process that had its identity before. */
export const WORKER_LOST = 'worker_lost';
