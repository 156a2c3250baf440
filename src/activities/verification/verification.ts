import { idDocument, keyOf } from '../../formats/bson/key';
import {
  NAMED,
  type VerificationActivities,
  type VerificationCall,
  type VerificationCompared,
} from '../../protocol/verification-activities';
import type { EncodedRow, Key } from '../../core/model/change';
import { createComparison } from '../../core/verify/compare';
import { ReplicationError } from '../../core/model/errors';
import type { SourceNamespace } from '../../core/model/namespace';
import { recheck, type RecheckProgress } from '../../core/verify/recheck';
import type { NotVerified, StreamProgress, Verification } from '../../core/ports/verification';
import { runCall, type Call } from '../call';
import type { ActivityDeps } from '../deps';
import { openPipeline, type Pipeline } from '../open';
import { cut, rangesOf } from '../prepare/plan';
import { layoutOf } from './layout';
import { noVerificationMeter, type VerificationMeter } from './meter';
import { losingRows, selectedNamespaces } from './namespaces';
import { repair } from './repair';

/** Ranges that are read at a time: their rows are in memory. */
const PARALLELISM = 2;
/** Each batch is one question to either side and one write; batches are bounded by bytes besides. */
const BATCH_ROWS = 4_000;
const BATCH_ROWS_LEAST = 100;

/** About a second's worth where a rate is set: a gentle reader does not read in bursts. */
const batchRows = (perSecond: number): number =>
  perSecond === 0 ? BATCH_ROWS : Math.min(BATCH_ROWS, Math.max(BATCH_ROWS_LEAST, perSecond));

/** The key of a row, in the encoding that all sources have so far. */
function rowKey(row: EncodedRow): Key | null {
  const key = idDocument(row);
  return key === null ? null : keyOf(key);
}

/** Why a namespace cannot be compared; null where it can. */
function whyNot({ name, follows }: SourceNamespace, { parked, copying }: StreamProgress): NotVerified['why'] | null {
  if (follows !== 'stream') return 'copy_only';
  if (parked.has(name)) return 'parked';
  return copying.has(name) ? 'copying' : null;
}

async function standingOf(verification: Verification, stream: string, signal: AbortSignal): Promise<StreamProgress> {
  const standing = await verification.readProgress(signal);
  if (standing?.lowWater != null) return standing;
  throw new ReplicationError('needs_attention', {
    code: 'ledger_missing',
    message: `the destination holds no position of stream ${stream}, so there is nothing to compare yet`,
    remedy: 'Start the stream, and wait until it replicates.',
  });
}

/** Opens both sides and the records of the run; the body's call is told to end by its signal. */
const within = <T>(
  deps: ActivityDeps,
  { spec, run }: VerificationCall,
  body: (pipeline: Pipeline, verification: Verification, call: Call) => Promise<T>,
): Promise<T> =>
  runCall(deps, spec.stream.id, async (call) => {
    await using pipeline = await openPipeline(deps, spec);
    return await body(pipeline, pipeline.destination.verification(spec.stream.id, run), call);
  });

const plan = (deps: ActivityDeps): VerificationActivities['planVerification'] => {
  return (asked) =>
    within(deps, asked, async ({ source }, verification, { signal }) => {
      const { id, snapshot } = asked.spec.stream;
      const standing = await standingOf(verification, id, signal);
      const all = (await selectedNamespaces(source, asked, signal)).filter(({ follows }) => follows !== 'derived');
      const notVerified: NotVerified[] = [];
      const compared: SourceNamespace[] = [];
      for (const each of all) {
        const why = whyNot(each, standing);
        if (why === null) compared.push(each);
        else notVerified.push({ namespace: each.name, why });
      }
      const byName = new Map(compared.map((each) => [each.name, each]));
      const what = { names: [...byName.keys()], namespaces: byName, parallelism: snapshot.copy_parallelism };
      // Rows that the source does not have are looked for too, below and above its own.
      const cuts = await cut(source, { ...what, since: null }, signal);
      await verification.plan(rangesOf(cuts), notVerified, signal);
      const { ranges: planned } = await verification.findings(signal);
      return {
        namespaces: all.length,
        ranges: planned,
        estimatedRows: [...cuts.values()].reduce((sum, { estimatedRows }) => sum + estimatedRows, 0),
        notVerified: notVerified.slice(0, NAMED),
        notVerifiedCount: notVerified.length,
      };
    });
};

const compare = (deps: ActivityDeps): VerificationActivities['compareRows'] => {
  return (asked) =>
    within(deps, asked, async ({ source, destination }, verification, call) => {
      const { signal, log } = call;
      const meter = deps.verificationMeter?.(asked.spec) ?? noVerificationMeter;
      const before = await verification.findings(signal);
      const running = createComparison({
        source,
        destination,
        verification,
        since: await source.currentPosition(signal),
        losesRows: losingRows(source, signal),
        keyOf: rowKey,
        parallelism: PARALLELISM,
        batchSize: batchRows(asked.rowsPerSecond),
        rowsPerSecond: asked.rowsPerSecond,
        sliceMs: asked.sliceMs,
        clock: deps.clock,
        compared: (rows) => meter.compared(rows),
        log,
      });
      call.report(() => ({
        verified: before.sourceRows + running.progress.rows,
        rowsPerSecond: running.progress.rowsPerSecond,
      }));
      const told = await running.run(signal).catch((error: unknown) => {
        if (!signal.aborted || (error instanceof ReplicationError && error.kind !== 'retry')) throw error;
        return 'stopped' as const;
      });
      const reason: VerificationCompared['reason'] = told === 'stopped' ? call.reason() : told;
      // What was told to end has little time; the next call tells what it has found.
      return { reason, findings: signal.aborted ? before : await verification.findings(signal) };
    });
};

const settleAll = (deps: ActivityDeps): VerificationActivities['settleDifferences'] => {
  return (asked) =>
    within(deps, asked, async ({ source, destination }, verification, call) => {
      const { signal, log } = call;
      const before = await verification.findings(signal);
      let progress: RecheckProgress | null = null;
      call.report(() => progress);
      const { reason } = await recheck(
        {
          source,
          destination,
          verification,
          losesRows: losingRows(source, signal),
          sliceMs: asked.sliceMs,
          clock: deps.clock,
          report: (now) => void (progress = now),
          log,
        },
        signal,
      );
      return {
        reason: reason === 'stopped' ? call.reason() : reason,
        findings: signal.aborted ? before : await verification.findings(signal),
      };
    });
};

const meterOf = (deps: ActivityDeps, { spec }: VerificationCall): VerificationMeter =>
  deps.verificationMeter?.(spec) ?? noVerificationMeter;

const conclude = (deps: ActivityDeps): VerificationActivities['concludeVerification'] => {
  return (asked) =>
    within(deps, asked, async (_pipeline, verification, { signal, log }) => {
      const [{ damaged, unsettled, sourceRows, destinationRows }, rows] = await Promise.all([
        verification.findings(signal),
        verification.rowsOf(NAMED, signal),
      ]);
      await verification.conclude(asked.verdict, signal);
      const meter = meterOf(deps, asked);
      if (!asked.repaired) meter.damaged(damaged);
      meter.concluded(asked.verdict);
      log(asked.verdict === 'identical' ? 'info' : 'warn', 'verify.concluded', {
        verdict: asked.verdict,
        sourceRows,
        destinationRows,
        ...damaged,
        unsettled,
      });
      return rows;
    });
};

export const createVerificationActivities = (deps: ActivityDeps): VerificationActivities => ({
  planVerification: plan(deps),
  compareRows: compare(deps),
  settleDifferences: settleAll(deps),
  compareLayout: (asked) =>
    within(deps, asked, (pipeline, verification, call) => layoutOf(deps, pipeline, verification, asked, call)),
  repairDifferences: (asked) =>
    within(deps, asked, async (pipeline, verification, call) => {
      const { damaged } = await verification.findings(call.signal);
      const repaired = await repair(deps, pipeline, verification, asked, call);
      meterOf(deps, asked).damaged(damaged);
      return repaired;
    }),
  concludeVerification: conclude(deps),
});
