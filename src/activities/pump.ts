import { ReplicationError } from '../replication/errors';
import { createPump, type Pump, type PumpOutcome } from '../replication/pump';
import { durationMs } from '../config/duration';
import { runCall, type Call } from './call';
import { COPIED_AT_ONCE, type PumpLeg, type PumpResult } from './contract';
import type { ActivityDeps } from './deps';
import { claimRequest, openPipeline, type Pipeline } from './open';

async function pumpOf(
  deps: ActivityDeps,
  { spec, epoch, ledger, position, inStepAfter, until, sliceMs }: PumpLeg,
  { source, destination }: Pipeline,
  { signal, log }: Call,
): Promise<Pump> {
  const { stream } = spec;
  return createPump({
    source,
    traits: destination.traits,
    claim: await destination.claim(claimRequest(spec, epoch, ledger), signal),
    position,
    inStepAfter,
    until,
    lanes: stream.destination.options.lanes,
    batchSize: stream.batch_size,
    updates: stream.source.options.updates,
    renameOut: stream.source.options.rename_out,
    unsupported: stream.error_handling.unsupported_schema_change,
    sliceMs,
    stallMs: durationMs(stream.advanced.stall_timeout),
    log,
    meter: deps.meter(spec),
  });
}

/** A leg that was told to end and could not do so nicely still hands back what it has recorded. */
async function runPump(pump: Pump, { signal, log }: Call): Promise<PumpOutcome> {
  try {
    return await pump.run(signal);
  } catch (error) {
    const { position, totals } = pump.progress;
    const matters = error instanceof ReplicationError && error.kind !== 'retry';
    if (!signal.aborted || matters || position === null) throw error;
    log('warn', 'leg.cut_short', { code: error instanceof ReplicationError ? error.code : 'unexpected' });
    return { reason: 'stopped', position, copy: [], totals };
  }
}

export const pump =
  (deps: ActivityDeps) =>
  (leg: PumpLeg): Promise<PumpResult> =>
    runCall(deps.log(leg.spec.stream.id), async (call) => {
      await using pipeline = await openPipeline(deps, leg.spec);
      const running = await pumpOf(deps, leg, pipeline, call);
      call.report(() => running.progress);
      const { reason, position, copy, totals } = await runPump(running, call);
      return {
        reason: reason === 'stopped' ? call.reason() : reason,
        position,
        progress: running.progress,
        totals,
        // What is left out here is found again by the next leg's claim.
        copy: copy.slice(0, COPIED_AT_ONCE),
      };
    });
