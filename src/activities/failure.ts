import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { INTERRUPTED, type FailureDetails, type FailureInfo } from '../protocol/failure';
import { remedyInStream, ReplicationError } from '../core/model/errors';
import { addressed } from '../core/model/remedy';
import { parks } from '../core/failures/parking';
import type { Position } from '../core/model/position';
import { scrub } from '../telemetry/scrub';

/** A list of problems is worth reading whole; a failure of more than 4 KB is cut by the server. */
const TEXT = 1_500;

const clip = (text: string): string => (text.length <= TEXT ? text : `${text.slice(0, TEXT - 1)}…`);

/** What is known when a call fails. */
export interface Known {
  /** The id of the stream, which its remedies name. */
  readonly stream: string;
  /** The call was told to end: failing to do so nicely is no failure of the stream. */
  readonly interrupted: boolean;
  /** The last progress: a leg's or a copy's. */
  readonly progress: unknown;
}

function infoOf(error: unknown, interrupted: boolean): FailureInfo {
  if (interrupted && !(error instanceof ReplicationError && error.kind !== 'retry')) return INTERRUPTED;
  if (!(error instanceof ReplicationError)) {
    return {
      kind: 'bug',
      code: 'unexpected',
      // Not the error's own message: it may hold a row or a secret.
      message: `an unexpected ${error instanceof Error ? error.name : typeof error} ended the call`,
      remedy: 'The log of the worker names the place; please report it. Resuming the stream tries again.',
    };
  }
  const { kind, code, message, namespace, keyHash, epoch, retryAfterMs } = error;
  // The hash stands for the key, which is data.
  const which = keyHash === undefined ? '' : ` (key hash ${keyHash.toString(16).padStart(8, '0')})`;
  return {
    kind,
    code,
    message: clip(scrub(message + which)),
    remedy: clip(scrub(remedyInStream(error))),
    ...(namespace !== undefined && { namespace }),
    ...(parks(error) && { parks: true }),
    ...(epoch !== undefined && { ledgerEpoch: epoch }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

const positionOf = (progress: unknown): Position | undefined =>
  typeof progress === 'object' && progress !== null && 'position' in progress
    ? ((progress.position as Position | null) ?? undefined)
    : undefined;

/** The one place where an error becomes Temporal's: its type is the code, its details tell how far the call was. */
export function toFailure(error: unknown, { stream, interrupted, progress }: Known): ApplicationFailure {
  const info = addressed(infoOf(error, interrupted), stream);
  const position = positionOf(progress);
  const details: FailureDetails = [
    position === undefined ? info : { ...info, position },
    addressed(progress ?? null, stream),
  ];
  return ApplicationFailure.create({
    type: info.code,
    message: info.message,
    // The workflow decides what happens next.
    nonRetryable: true,
    details: [...details],
    ...((info.kind === 'fenced' || info.code === INTERRUPTED.code) && { category: ApplicationFailureCategory.BENIGN }),
  });
}

/** Where an unexpected error came from, without its message. */
export const placeOf = (error: unknown): string =>
  error instanceof Error
    ? (error.stack ?? '')
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .slice(0, 8)
        .map((line) => scrub(line.trim()))
        .join(' ')
    : '';
