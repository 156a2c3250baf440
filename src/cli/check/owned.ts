import { resolveCredentials } from '../../auth/resolve';
import type { StreamSpec } from '../../config/schema';
import { openDestination, openSource } from '../../connectors/registry';
import { targetOwned } from '../../core/failures/target-owned';
import { isReplicationError } from '../../core/model/errors';
import { hasRows, type Namespace } from '../../core/model/namespace';
import type { ConnectorContext } from '../../core/ports/connector';
import type { OwnedTarget } from '../../core/ports/destination';

/** What is not answered by then is left to the worker. */
const PATIENCE_MS = 5_000;

async function ownedTargets(spec: StreamSpec, signal: AbortSignal): Promise<readonly OwnedTarget[]> {
  const { id, source, destination } = spec.stream;
  const context: ConnectorContext = { stream: id, log: () => undefined };
  await using opened = await openSource(source, resolveCredentials(spec, 'source'), context);
  const names: readonly Namespace[] = (await opened.namespaces(signal)).filter(hasRows).map(({ name }) => name);
  await using target = await openDestination(destination, resolveCredentials(spec, 'destination'), context);
  return await target.ownedByOthers(names, signal);
}

/**
 * Refuses to start a stream whose targets another one has. Databases that cannot be reached from here, and references that mean
 * nothing here, are in the way of nothing: the stream asks the same before it writes.
 */
export async function refuseOwnedTargets(spec: StreamSpec, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const owned = await ownedTargets(spec, limit).catch((error: unknown) => {
    if (isReplicationError(error) || (limit.aborted && !signal.aborted)) return [];
    throw error;
  });
  const [first, ...more] = owned.filter(({ shared }) => !shared);
  if (first !== undefined) throw targetOwned([first, ...more], true);
}
