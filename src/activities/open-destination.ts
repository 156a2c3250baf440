import type { StreamSpec } from '../config/schema';
import type { Destination } from '../core/ports/destination';
import type { ActivityDeps } from './deps';

/** The destination alone, for what reads no source. */
export function openDestination(
  deps: Pick<ActivityDeps, 'openDestination' | 'resolveCredentials' | 'log'>,
  spec: StreamSpec,
): Promise<Destination> {
  const { id, destination, error_handling: errors } = spec.stream;
  return deps.openDestination(destination, deps.resolveCredentials(spec, 'destination'), {
    stream: id,
    log: deps.log(id),
    ...(errors.dead_letter_destination !== undefined && { deadLetters: errors.dead_letter_destination }),
  });
}
