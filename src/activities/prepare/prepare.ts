import { NAMED_NAMESPACES, type Prepared, type PrepareLeg } from '../../protocol/stream-activities';
import { derive } from '../../core/schema/derive';
import type { Claim, Parked, RangeRecord } from '../../core/ports/destination';
import type { Finding } from '../../core/model/finding';
import { hasRows, type Namespace, type SourceNamespace } from '../../core/model/namespace';
import { copiedOnce, planBackfills } from '../../core/plan/backfills';
import type { Position } from '../../core/model/position';
import { sizesOf } from '../../core/copy/sizes';
import { type Size, type Source } from '../../core/ports/source';
import { runCall, type Call } from '../call';
import { inspected, refuseOccupied, refuseOwned, refuseSelfCopy, selectionFindings } from './checks';
import type { ActivityDeps } from '../deps';
import { estimateOf, windowFindings } from './estimate';
import { claimFor, inlineMode, openPipeline, parkedReport, type Pipeline } from '../open';
import { ledgerPosition, sourcePosition } from '../position-reference';
import { abandoned, cut, rangesOf } from './plan';

type Selection = ReadonlyMap<Namespace, SourceNamespace>;

const FINDINGS = 100;

interface Wanted {
  /** Copied before the stream goes on. */
  readonly first: readonly Namespace[];
  /** Copied by backfills while the stream goes on: namespaces that it follows from now on, and those that are copied once. */
  readonly backfills: readonly Namespace[];
  /** The targets of these are dropped: the source no longer has them, and not every source reports a drop. */
  readonly gone: readonly Namespace[];
}

/**
 * What is to be copied. A stream that goes on may select more than its ledger has ever heard of, and what it did not
 * follow for a while. A restart mends everything, while the destination can be read.
 */
function wanted({ plan, restart, spec }: PrepareLeg, selection: Selection, { source }: Pipeline, claim: Claim): Wanted {
  const { known, unfollowed: left, lowWater } = claim.ledger;
  const all = [...selection.keys()];
  if (!plan) return { first: [], backfills: [], gone: [] };
  const isOnce = copiedOnce(selection.values());
  const first = all.filter((name) => !isOnce(name));
  if (lowWater === null && !restart) return { first, backfills: all.filter(isOnce), gone: [] };
  const missed = new Set(restart ? known : left);
  const heard = new Set(known);
  // What was there under this name before may have been followed.
  const planned = new Set(
    claim.ledger.ranges.flatMap(({ backfill, namespace }) => (backfill === 'once' ? [namespace] : [])),
  );
  const isOwed = (name: Namespace): boolean => (isOnce(name) ? !planned.has(name) : !heard.has(name));
  const gone = inlineMode(spec) === 'repair' ? [...missed].filter((name) => source.selects(name)) : [];
  return {
    first: [],
    backfills: all.filter((name) => restart || missed.has(name) || isOwed(name)),
    gone: gone.filter((name) => !selection.has(name)),
  };
}

/** Rows under a name that this stream has never written are not its own: it must not overwrite them. */
async function refuseForeign(
  leg: PrepareLeg,
  { first, backfills }: Wanted,
  pipeline: Pipeline,
  claim: Claim,
  signal: AbortSignal,
) {
  if (leg.copyMode !== 'refuse' || leg.restart) return;
  const left = new Set(claim.ledger.unfollowed);
  const names = [...first, ...backfills].filter((name) => !left.has(name));
  if (names.length > 0) await refuseOccupied(pipeline, names, signal);
}

interface LaidOut {
  readonly planned: readonly RangeRecord[];
  /** Of what was planned now. */
  readonly sizes: ReadonlyMap<Namespace, Size>;
}

/**
 * Plans, empties and makes the targets. The plan is written first: when this is cut short, the copy is known to be
 * owed, and neither emptied targets nor a start position are taken for a finished one.
 */
async function layOut(
  leg: PrepareLeg,
  { first, backfills, gone }: Wanted,
  selection: Selection,
  since: Position,
  { source }: Pipeline,
  claim: Claim,
  { signal, report }: Call,
): Promise<LaidOut> {
  const { ledger } = claim;
  report(() => ({ step: 'plan', namespaces: first.length + backfills.length }));
  const parallelism = leg.spec.stream.snapshot.copy_parallelism;
  const cuts = await cut(source, { names: first, namespaces: selection, parallelism, since }, signal);
  const owed = await sizesOf(source, backfills, signal);
  const ranges = rangesOf(cuts);
  for (const name of abandoned(ledger, source, new Set([...selection.keys(), ...ranges.keys()]))) ranges.set(name, []);
  const replaces = leg.copyMode === 'replace' && !leg.restart;
  const isOnce = copiedOnce(selection.values());
  const left = new Set(ledger.unfollowed);
  // These first: their copy adds to what is there. Cut short before the plan, they are met for the first time once more.
  const emptied = replaces ? backfills.filter((name) => isOnce(name) && !left.has(name)) : [];
  for (const name of emptied) await claim.discard(name, signal);
  const mode = inlineMode(leg.spec);
  let planned = (await planBackfills(claim, owed, { mode, isOnce }, signal)) ?? ledger.ranges;
  if (ranges.size > 0) planned = await claim.plan(ranges, signal);
  const replaced = replaces ? first : [];
  let done = 0;
  report(() => ({ step: 'empty', namespaces: replaced.length, done }));
  for (const name of replaced) {
    await claim.discard(name, signal);
    done += 1;
  }
  await claim.remove(gone, signal);
  await claim.unfollow(
    ledger.known.filter((name) => !source.selects(name) && !ledger.unfollowed.includes(name)),
    signal,
  );
  report(() => ({ step: 'create', namespaces: selection.size }));
  await claim.prepare([...selection.values()], signal);
  return { planned, sizes: new Map<Namespace, Size>([...cuts, ...owed]) };
}

/** Captured before anything is listed: what is created from here on comes by the stream. */
async function listed(source: Source, signal: AbortSignal) {
  const captured = await source.currentPosition(signal);
  return { captured, all: await source.namespaces(signal) };
}

async function prepared(deps: ActivityDeps, leg: PrepareLeg, call: Call): Promise<Prepared> {
  const { spec, restart } = leg;
  const { signal, log } = call;
  await using pipeline = await openPipeline(deps, spec);
  const { source, destination } = pipeline;
  const found = await inspected(pipeline, signal);
  let { captured, all } = await listed(source, signal);
  refuseSelfCopy(
    deps,
    spec,
    pipeline,
    all.filter(({ follows }) => follows !== 'nothing').map(({ name }) => name),
  );
  const claim = await claimFor(leg, destination, signal);
  // Until the claim, a leg that was given up may have written changes beyond the position that was read first: rows would go back to it.
  if (restart) ({ captured, all } = await listed(source, signal));
  // A new start is one for parked namespaces too.
  if (restart) await claim.unpark(without(claim.ledger.parked, leg.park), signal);
  const parked = new Set(claim.ledger.parked.map(({ namespace }) => namespace));
  const followed = all.filter((each) => hasRows(each) && !parked.has(each.name));
  const selection: Selection = new Map(followed.map((namespace) => [namespace.name, namespace]));
  const { lowWater } = claim.ledger;
  const fresh = restart || lowWater === null;
  const shared = await refuseOwned(pipeline, [...selection.keys()], fresh, signal);
  const names = wanted(leg, selection, pipeline, claim);
  await refuseForeign(leg, names, pipeline, claim, signal);

  const position = restart || lowWater === null ? captured : lowWater;
  const { planned, sizes } = await layOut(leg, names, selection, position, pipeline, claim, call);
  const left = [...(await derive(source, all, claim, signal)), ...(await claim.leftOver(all, signal))];
  // The last step: a start position says that all targets are created and all copies planned.
  if (fresh) await claim.begin(position, signal);
  const examined = await destination.inspectTargets([...selection.keys()], signal);
  const owed = planned.filter(({ done, namespace }) => !done && !parked.has(namespace));
  const pending = owed.filter(({ backfill }) => backfill === null);
  const estimate = await estimateOf(source, owed, sizes, signal);
  const findings: readonly Finding[] = [
    ...found,
    ...selectionFindings(all, found, leg.plan),
    ...shared,
    ...examined,
    ...left,
    ...windowFindings(estimate),
  ];
  log('info', 'stream.planned', { fresh, namespaces: selection.size, ranges: owed.length, ...estimate });
  const count = selection.size + parked.size;
  return {
    position: fresh ? sourcePosition(position) : ledgerPosition(position, claim.ledger, source),
    at: source.describe(position),
    resumed: !fresh,
    copyPending: pending.length > 0,
    // The leg that copied last may have been cut off inside the copy's overlap.
    inStepAfter: !fresh && pending.length === 0 ? sourcePosition(await source.currentPosition(signal)) : null,
    namespaceCount: count,
    copying: [...new Set(owed.map(({ namespace }) => namespace))].slice(0, NAMED_NAMESPACES),
    namespaces: count <= NAMED_NAMESPACES ? [...selection.keys()] : [],
    parked: parkedReport(claim.ledger.parked),
    estimate,
    findings: findings.slice(0, FINDINGS),
  };
}

/** Those that the last calls have not found to be in trouble still. */
const without = (parked: readonly Parked[], still: readonly Parked[]): readonly Namespace[] => {
  const names = new Set(still.map(({ namespace }) => namespace));
  return parked.map(({ namespace }) => namespace).filter((name) => !names.has(name));
};

export const prepare =
  (deps: ActivityDeps) =>
  (leg: PrepareLeg): Promise<Prepared> =>
    runCall(deps, leg.spec.stream.id, (call) => prepared(deps, leg, call));
