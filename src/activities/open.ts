import type { StreamSpec } from '../config/schema';
import { PARKED_TOLD, type LegBase, type ParkedReport } from '../protocol/stream-activities';
import type { Claim, Destination, BackfillMode, Parked } from '../core/ports/destination';
import type { Source } from '../core/ports/source';
import type { ActivityDeps } from './deps';

/** Both sides of a stream, open. */
export interface Pipeline extends AsyncDisposable {
  readonly source: Source;
  readonly destination: Destination;
}

export async function openSource(deps: ActivityDeps, spec: StreamSpec): Promise<Source> {
  const { id, source } = spec.stream;
  return deps.openSource(source, deps.resolveCredentials(spec, 'source'), { stream: id, log: deps.log(id) });
}

export async function openDestination(deps: ActivityDeps, spec: StreamSpec): Promise<Destination> {
  const { id, destination, error_handling: errors } = spec.stream;
  return deps.openDestination(destination, deps.resolveCredentials(spec, 'destination'), {
    stream: id,
    log: deps.log(id),
    ...(errors.dead_letter_destination !== undefined && { deadLetters: errors.dead_letter_destination }),
  });
}

export async function openPipeline(deps: ActivityDeps, spec: StreamSpec): Promise<Pipeline> {
  const source = await openSource(deps, spec);
  try {
    const destination = await openDestination(deps, spec);
    return {
      source,
      destination,
      [Symbol.asyncDispose]: async () => {
        await Promise.allSettled([source[Symbol.asyncDispose](), destination[Symbol.asyncDispose]()]);
      },
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

const claimRequest = (spec: StreamSpec, epoch: number, expect: 'any' | 'existing') => ({
  stream: spec.stream.id,
  epoch,
  lanes: spec.stream.destination.options.lanes,
  expect,
});

/** The right to write, with what the last calls have found out made durable first. */
export async function claimFor(
  { spec, epoch, ledger, park }: LegBase,
  destination: Destination,
  signal: AbortSignal,
): Promise<Claim> {
  const claim = await destination.claim(claimRequest(spec, epoch, ledger), signal);
  if (park.length > 0) await claim.park(park, signal);
  return claim;
}

export const parkedReport = (parked: readonly Parked[]): ParkedReport => ({
  count: parked.length,
  some: parked.slice(0, PARKED_TOLD),
});

/** What becomes of rows that only the destination has. */
export const inlineMode = ({ stream }: StreamSpec): BackfillMode =>
  stream.snapshot.on_existing === 'merge' ? 'merge' : 'repair';
