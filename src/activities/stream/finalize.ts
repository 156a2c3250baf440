import type { LegBase } from '../../protocol/stream-activities';
import { absentFrom } from '../../core/refresh/absent';
import { derive } from '../../core/schema/derive';
import type { Finding } from '../../core/model/finding';
import { hasRows } from '../../core/model/namespace';
import { runCall } from '../call';
import type { ActivityDeps } from '../deps';
import { claimFor, openPipeline } from '../open';

/** Puts in force at the destination what was held back, then lets the source forget the stream. */
export const finalize =
  (deps: ActivityDeps) =>
  (leg: LegBase): Promise<readonly Finding[]> =>
    runCall(deps, leg.spec.stream.id, async ({ signal }) => {
      await using pipeline = await openPipeline(deps, leg.spec);
      const { source, destination } = pipeline;
      const namespaces = await source.namespaces(signal);
      const claim = await claimFor(leg, destination, signal);
      const followed = namespaces.filter(hasRows);
      const converted = await claim.convert(followed, await absentFrom(source, signal), signal);
      const inForce = await claim.finalize(followed, signal);
      const left = await derive(source, namespaces, claim, signal);
      const leftOver = await claim.leftOver(namespaces, signal);
      await source.drop(signal);
      // The last step: what was cut short before it still has the targets.
      await claim.release(signal);
      return [...converted, ...inForce, ...left, ...leftOver];
    });
