import type { FailureInfo } from '../../../protocol/failure';
import type { ParkedReport } from '../../../protocol/stream-activities';
import type { Parked } from '../../../core/ports/destination';
import { boundedNamespaces, clipShort } from '../../shared/bounded';
import { record } from '../record';
import type { Run } from '../run';

/** So many reasons are kept in state; the ledger has all. */
const TOLD = 5;
/** So many at most are handed to each call; older ones were handed to as many calls before. */
const WAITING = 5;

/**
 * Parks the namespace that a call has failed over, and says whether that lets the others go on. The next call makes it
 * durable.
 */
export function parkFailed(run: Run, { parks, code, message, remedy, namespace }: FailureInfo): boolean {
  const { state } = run;
  if (parks !== true || namespace === undefined || !run.spec.stream.error_handling.isolate_namespaces) return false;
  const waiting = state.park.some((parked) => parked.namespace === namespace);
  // Parked before, and it stops the stream all the same: a person has to decide.
  if (waiting || (state.namespaces[namespace] === 'parked' && !state.unpark.includes(namespace))) return false;
  if (state.namespaceCount > 0 && state.parkedCount + state.park.length + 1 >= state.namespaceCount) return false;
  const at = new Date().toISOString();
  const all = [...state.park, clipped({ namespace, code, message, remedy, at })];
  state.park = all.slice(-WAITING);
  state.parkedCount += all.length - state.park.length;
  state.unpark = state.unpark.filter((name) => name !== namespace);
  record(run, 'namespace.parked', { namespace, code });
  return true;
}

/** Takes in what the ledger holds; what was handed to the call that answers is durable. */
export function takeParked(run: Run, { count, some }: ParkedReport): void {
  const { state } = run;
  const names = new Set(some.map(({ namespace }) => namespace));
  state.park = [];
  state.parkedCount = count;
  state.parked = some.slice(0, TOLD).map(clipped);
  const others = Object.entries(state.namespaces).map(
    ([name, status]) => [name, status === 'parked' && count === names.size ? 'streaming' : status] as const,
  );
  state.namespaces = boundedNamespaces({
    ...Object.fromEntries(others),
    ...Object.fromEntries([...names].map((name) => [name, 'parked' as const])),
  });
}

const clipped = ({ message, remedy, ...rest }: Parked): Parked => ({
  ...rest,
  message: clipShort(message),
  remedy: clipShort(remedy),
});
