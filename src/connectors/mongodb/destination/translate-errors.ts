import { classify } from '../errors';
import type { ReplicationError } from '../../../core/model/errors';
import type { Namespace } from '../../../core/model/namespace';
import { Obstructed } from './writer/run';

/** What leaves a connector is a `ReplicationError`. */
const translateError = (error: unknown, namespace?: Namespace): ReplicationError =>
  error instanceof Obstructed
    ? error.refusal
    : classify(error, { role: 'destination', ...(namespace !== undefined && { namespace }) });

/** Lets no other error out of the connector. */
export async function classified<T>(run: () => Promise<T>, namespace?: Namespace): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw translateError(error, namespace);
  }
}
