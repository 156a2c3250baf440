import type { Claim } from '../replication/destination';
import type { Finding } from '../replication/finding';
import type { Namespace } from '../replication/namespace';
import type { SourceNamespace } from '../replication/source';
import { runCall, type Call } from './call';
import { inspected, refuseOccupied, refuseSelfCopy, selectionFindings } from './checks';
import { NAMED_NAMESPACES, type Prepared, type PrepareLeg } from './contract';
import type { ActivityDeps } from './deps';
import { estimateOf, windowFindings } from './estimate';
import { claimRequest, openPipeline, type Pipeline } from './open';
import { abandoned, cut } from './plan';

type Selection = ReadonlyMap<Namespace, SourceNamespace>;

const FINDINGS = 100;

/** What is to be copied. A stream that goes on may select more than its ledger has ever heard of. */
function wanted(
  { copy, plan }: PrepareLeg,
  fresh: boolean,
  selection: Selection,
  { ledger }: Claim,
): readonly Namespace[] {
  if (!plan) return [];
  if (copy !== 'all') return copy;
  const known = new Set(fresh ? [] : ledger.known);
  return [...selection.keys()].filter((name) => !known.has(name));
}

/**
 * Plans, empties and makes the targets. The plan is written first: when this is cut short, the copy is known to be
 * owed, and neither emptied targets nor a start position are taken for a finished one.
 */
async function layOut(
  leg: PrepareLeg,
  names: readonly Namespace[],
  selection: Selection,
  { source }: Pipeline,
  claim: Claim,
  { signal, report }: Call,
) {
  // What stands at the target of a namespace that is no longer followed is nobody's business here.
  const displaced = claim.ledger.displaced.filter((name) => selection.has(name));
  const { copy_parallelism: parallelism } = leg.spec.stream.snapshot;
  const copied = [...new Set([...names, ...displaced])];
  report(() => ({ step: 'plan', namespaces: copied.length }));
  const ranges = await cut(source, copied, selection, parallelism, signal);
  for (const name of claim.ledger.displaced) if (!selection.has(name)) ranges.set(name, []);
  for (const name of abandoned(claim, selection, ranges)) ranges.set(name, []);
  const planned = ranges.size === 0 ? claim.ledger.ranges : await claim.plan(ranges, signal);
  const replaced = leg.copyMode === 'replace' ? names.filter((name) => selection.has(name)) : [];
  let emptied = 0;
  report(() => ({ step: 'empty', namespaces: replaced.length, done: emptied }));
  for (const name of new Set([...replaced, ...displaced])) {
    await claim.discard(name, signal);
    emptied += 1;
  }
  report(() => ({ step: 'create', namespaces: selection.size }));
  await claim.prepare([...selection.values()], signal);
  return planned;
}

async function prepared(deps: ActivityDeps, leg: PrepareLeg, call: Call): Promise<Prepared> {
  const { spec, epoch, ledger, restart } = leg;
  const { signal, log } = call;
  await using pipeline = await openPipeline(deps, spec);
  const { source, destination } = pipeline;
  const found = await inspected(pipeline, signal);
  // Captured before anything is listed: what is created from here on comes by the stream.
  const captured = await source.here(signal);
  const all = await source.namespaces(signal);
  const selection: Selection = new Map(all.filter(({ follows }) => follows !== 'nothing').map((n) => [n.name, n]));
  refuseSelfCopy(deps, spec, pipeline, [...selection.keys()]);
  const claim = await destination.claim(claimRequest(spec, epoch, ledger), signal);
  const { lowWater } = claim.ledger;
  const fresh = restart || lowWater === null;
  const names = wanted(leg, fresh, selection, claim);
  if (leg.copyMode === 'refuse' && names.length > 0) await refuseOccupied(pipeline, names, signal);

  const position = restart || lowWater === null ? captured : lowWater;
  const ranges = await layOut(leg, names, selection, pipeline, claim, call);
  // The last step: a start position says that all is laid out.
  if (fresh) await claim.begin(position, signal);
  const examined = await destination.examine([...selection.keys()], signal);
  const pending = ranges.filter(({ done }) => !done);
  const estimate = await estimateOf(source, pending, all, signal);
  const findings: readonly Finding[] = [
    ...found,
    ...selectionFindings(all, found),
    ...examined,
    ...windowFindings(estimate),
  ];
  log('info', 'stream.laid_out', { fresh, namespaces: selection.size, ranges: pending.length, ...estimate });
  return {
    position,
    at: source.describe(position),
    resumed: !fresh,
    copyPending: pending.length > 0,
    // Whoever copied before us may have been cut off inside the copy's overlap.
    inStepAfter: !fresh && pending.length === 0 ? await source.here(signal) : null,
    namespaceCount: selection.size,
    copying: [...new Set(pending.map(({ namespace }) => namespace))].slice(0, NAMED_NAMESPACES),
    namespaces: selection.size <= NAMED_NAMESPACES ? [...selection.keys()] : [],
    estimate,
    findings: findings.slice(0, FINDINGS),
  };
}

export const prepare =
  (deps: ActivityDeps) =>
  (leg: PrepareLeg): Promise<Prepared> =>
    runCall(deps.log(leg.spec.stream.id), (call) => prepared(deps, leg, call));
