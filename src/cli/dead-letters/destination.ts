import { resolveCredentials } from '../../auth/resolve';
import type { StreamSpec } from '../../config/schema';
import { openDestination } from '../../connectors/registry';
import type { Destination } from '../../core/ports/destination';
import { isReplicationError } from '../../core/model/errors';
import { addressedText } from '../../core/model/remedy';
import { CliError } from '../failure';

/** For errors that a connector raises: it does not know which stream it serves. */
export const namingStream =
  (stream: string) =>
  (error: unknown): never => {
    if (!isReplicationError(error)) throw error;
    throw new CliError(error.message, addressedText(error.remedy, stream, error.namespace), { cause: error });
  };

/** The destination of a stream, reached from this machine and with its environment. */
export function destinationOf(spec: StreamSpec): Promise<Destination> {
  const { id, destination, error_handling: errors } = spec.stream;
  return openDestination(destination, resolveCredentials(spec, 'destination'), {
    stream: id,
    log: () => undefined,
    ...(errors.dead_letter_destination !== undefined && { deadLetters: errors.dead_letter_destination }),
  });
}
