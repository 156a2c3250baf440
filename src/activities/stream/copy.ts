import { durationMs } from '../../config/values/duration';
import { copyBatchSizeOf } from '../../config/values/pace';
import type { StreamSpec } from '../../config/schema';
import type { CopyLeg, CopyResult } from '../../protocol/stream-activities';
import { createCopy } from '../../core/copy/copy';
import type { Claim } from '../../core/ports/destination';
import { ReplicationError } from '../../core/model/errors';
import { hasRows } from '../../core/model/namespace';
import { type Source } from '../../core/ports/source';
import { runCall, type Call } from '../call';
import type { ActivityDeps } from '../deps';
import { errorPolicy } from './error-policy';
import { claimFor, openPipeline } from '../open';
import { limiterOf } from '../limits';
import { sourcePosition } from '../position-reference';
import { ProgressSignals } from '../progress-signals';
import { WindowGuard } from './window-guard';

/** Rows are read no earlier than what any lane has written: a lane does not go back to what it has passed. */
function startOf({ ledger }: Claim, source: Source) {
  const { lanes, lowWater } = ledger;
  if (lowWater === null) {
    throw new ReplicationError('needs_attention', {
      code: 'ledger_missing',
      message: 'the ledger holds no start position for the copy',
      remedy: 'restart the stream from its snapshot',
    });
  }
  return lanes.reduce(
    (furthest, { position }) => (position && source.order(position, furthest) === 'after' ? position : furthest),
    lowWater,
  );
}

async function buildIndexes(spec: StreamSpec, source: Source, claim: Claim, { signal, log }: Call): Promise<void> {
  if (!spec.stream.destination.options.indexes) return;
  const parked = new Set(claim.ledger.parked.map(({ namespace }) => namespace));
  const namespaces = await source.namespaces(signal);
  await claim.index(
    namespaces.filter((each) => hasRows(each) && !parked.has(each.name)),
    (done, total) => log('info', 'copy.indexes', { done, total }),
    signal,
  );
}

export const copy =
  (deps: ActivityDeps) =>
  (leg: CopyLeg): Promise<CopyResult> =>
    runCall(deps, leg.spec.stream.id, async (call) => {
      const { spec, sliceMs, stepRows = null } = leg;
      await using pipeline = await openPipeline(deps, spec);
      const { source, destination } = pipeline;
      const claim = await claimFor(leg, destination, call.signal);
      const running = createCopy({
        stream: spec.stream.id,
        source,
        destination,
        traits: destination.traits,
        claim,
        since: startOf(claim, source),
        parallelism: spec.stream.snapshot.copy_parallelism,
        batchSize: copyBatchSizeOf(spec.stream),
        limiter: limiterOf(deps, spec),
        onError: errorPolicy(spec.stream).onError,
        sliceMs,
        stallMs: durationMs(spec.stream.advanced.stall_timeout),
        stepRows,
        clock: deps.clock,
        log: call.log,
        meter: deps.meter(spec),
      });
      const warnBelowMs = durationMs(spec.stream.advanced.window_warning);
      const guard = new WindowGuard({ warnBelowMs, meter: deps.meter(spec), log: call.log });
      const signals = new ProgressSignals(leg, call.log);
      call.report(() => signals.see(guard.see(running.progress)));
      const result = (reason: CopyResult['reason'], inStepAfter: CopyResult['inStepAfter'] = null): CopyResult => ({
        reason,
        progress: running.progress,
        inStepAfter,
        findings: [],
      });
      try {
        const { reason, overlapEnd } = await running.run(call.signal);
        if (reason === 'done') await buildIndexes(spec, source, claim, call);
        return result(reason === 'stopped' ? call.reason() : reason, overlapEnd && sourcePosition(overlapEnd));
      } catch (error) {
        const matters = error instanceof ReplicationError && error.kind !== 'retry';
        if (!call.signal.aborted || matters) throw error;
        return result(call.reason());
      }
    });
