import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, NamespaceNotFoundError, WorkflowNotFoundError } from '@temporalio/common';
import { scrub } from '../telemetry/scrub';
import { CliError } from './failure';

/** Numbers of the gRPC status codes that mean something to a person. */
const GRPC = { deadline: 4, permission: 7, unavailable: 14, unauthenticated: 16 };

export interface Explained {
  readonly message: string;
  readonly remedy: string;
}

/** Every error as one line and a remedy; classified by type and code, never by its text. Shows no secret. */
export function explain(error: unknown): Explained {
  const { message, remedy } = meaningOf(error);
  return { message: scrub(message), remedy: scrub(remedy) };
}

function meaningOf(error: unknown): Explained {
  if (error instanceof CliError) return error;
  if (error instanceof NamespaceNotFoundError) {
    return {
      message: `Temporal has no namespace ${JSON.stringify(error.namespace)}`,
      remedy: `create it (temporal operator namespace create -n ${error.namespace}) or set TEMPORAL_NAMESPACE`,
    };
  }
  if (error instanceof WorkflowNotFoundError) {
    return {
      message: `no stream runs as workflow ${error.workflowId}`,
      remedy: 'see what runs with `tributary streams list`; start it with `tributary apply -f FILE`',
    };
  }
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return noAnswer();
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    return { message: innermost(error), remedy: remedyOf(error.cause) };
  }
  if (error instanceof QueryNotRegisteredError) {
    return { message: 'the worker does not know this question', remedy: 'run the same version of worker and CLI' };
  }
  if (error instanceof ServiceError && isGrpcServiceError(error.cause)) return explainGrpc(error.cause.code, error);
  if (isGrpcServiceError(error)) return explainGrpc(error.code, error);
  return { message: error instanceof Error ? error.message : String(error), remedy: remedyOf(error) };
}

/** The gRPC status code of an answer from Temporal. */
export const grpcCode = (error: unknown): number | undefined => (isGrpcServiceError(error) ? error.code : undefined);

export const noAnswer = (): Explained => ({
  message: 'no answer from the stream in time',
  remedy: 'is a worker running on its task queue? start one with `tributary worker`, or wait longer with --timeout',
});

function explainGrpc(code: number, error: Error): Explained {
  switch (code) {
    case GRPC.deadline:
      return noAnswer();
    case GRPC.unavailable:
      return { message: 'lost the connection to Temporal', remedy: 'check that the server runs, then try again' };
    case GRPC.permission:
    case GRPC.unauthenticated:
      return {
        message: 'Temporal refused the credentials',
        remedy: 'check TEMPORAL_API_KEY, the TLS settings or --profile, and the namespace they are for',
      };
    default:
      return { message: innermost(error), remedy: '' };
  }
}

function innermost(error: Error): string {
  let at = error;
  while (at.cause instanceof Error) at = at.cause;
  return at.message;
}

/** Errors of configuration, connectors and streams bring their own remedy. */
function remedyOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('remedy' in at && typeof at.remedy === 'string') return at.remedy;
    const details: unknown = at instanceof ApplicationFailure ? at.details?.[0] : undefined;
    if (typeof details === 'object' && details !== null && 'remedy' in details && typeof details.remedy === 'string') {
      return details.remedy;
    }
  }
  return '';
}
