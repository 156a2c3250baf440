import { NAMED_NAMESPACES, type PumpLeg, type PumpResult } from '../../protocol/stream-activities';
import { ReplicationError } from '../../core/model/errors';
import type { Pump, PumpOutcome } from '../../core/pump/leg';
import type { LegProgress } from '../../core/pump/progress';
import { createPump } from '../../core/pump/pump';
import { durationMs } from '../../config/values/duration';
import { batchSizeOf } from '../../config/values/pace';
import { runCall, type Call } from '../call';
import type { ActivityDeps } from '../deps';
import { errorPolicy } from './error-policy';
import { ledgerPosition, resolvePosition } from '../position-reference';
import { claimFor, inlineMode, openPipeline, parkedReport, type Pipeline } from '../open';
import { limiterOf } from '../limits';
import { notOverdue } from './overdue';
import { ProgressSignals } from '../progress-signals';
import { WindowGuard } from './window-guard';

async function pumpOf(
  deps: ActivityDeps,
  leg: PumpLeg,
  { source, destination }: Pipeline,
  { signal, log }: Call,
): Promise<Pump> {
  const { spec, position, inStepAfter: overlapEnd, resume, until, sliceMs, stepChanges = null } = leg;
  const { stream } = spec;
  const claim = await claimFor(leg, destination, signal);
  return createPump({
    source,
    traits: destination.traits,
    destination,
    claim,
    position: resolvePosition(position, claim.ledger, source),
    overlapEnd,
    until,
    lanes: stream.destination.options.lanes,
    batchSize: batchSizeOf(stream),
    limiter: limiterOf(deps, spec),
    updates: stream.source.options.updates,
    renameOut: stream.source.options.rename_out,
    unsupported: stream.error_handling.unsupported_schema_change,
    errors: errorPolicy(stream),
    copyMode: inlineMode(spec),
    resume,
    sliceMs,
    stepChanges,
    stallMs: durationMs(stream.advanced.stall_timeout),
    clock: deps.clock,
    log,
    meter: deps.meter(spec),
  });
}

/** A leg that was told to end and could not do so nicely still hands back what it has recorded. */
async function runPump(pump: Pump, sliceMs: number, { signal, log }: Call): Promise<PumpOutcome> {
  try {
    return await notOverdue(pump, sliceMs, pump.run(signal));
  } catch (error) {
    const { stopped } = pump;
    const matters = error instanceof ReplicationError && error.kind !== 'retry';
    if (!signal.aborted || matters || stopped === null) throw error;
    log('warn', 'leg.cut_short', { code: error instanceof ReplicationError ? error.code : 'unexpected' });
    return stopped;
  }
}

export const pump =
  (deps: ActivityDeps) =>
  (leg: PumpLeg): Promise<PumpResult> =>
    runCall(deps, leg.spec.stream.id, async (call) => {
      await using pipeline = await openPipeline(deps, leg.spec);
      const running = await pumpOf(deps, leg, pipeline, call);
      const meter = deps.meter(leg.spec);
      const warnBelowMs = durationMs(leg.spec.stream.advanced.window_warning);
      const guard = new WindowGuard({ warnBelowMs, meter, log: call.log });
      const signals = new ProgressSignals(leg, call.log);
      const progress = (): LegProgress => {
        const told = running.progress;
        return { ...told, position: told.position && ledgerPosition(told.position, running, pipeline.source) };
      };
      call.report(() => {
        const { stopped } = running;
        if (stopped !== null) meter.parked(stopped.parked.length);
        return signals.see(guard.see(progress()));
      });
      const outcome = await runPump(running, leg.sliceMs, call);
      const { reason, copying, parked, resumed, totals } = outcome;
      return {
        reason: reason === 'stopped' ? call.reason() : reason,
        position: ledgerPosition(outcome.position, outcome, pipeline.source),
        progress: progress(),
        totals,
        copying: copying.slice(0, NAMED_NAMESPACES),
        parked: parkedReport(parked),
        resumed,
      };
    });
