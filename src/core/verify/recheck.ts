import type { EncodedRow } from '../model/change';
import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import type { Destination } from '../ports/destination';
import type { Namespace } from '../model/namespace';
import { reached, type Position } from '../model/position';
import { touchedBetween } from '../refresh/touched-keys';
import type { Source } from '../ports/source';
import type { Difference, DifferenceKind, Rechecked, StreamProgress, Verification } from '../ports/verification';

/** A row that changes all the time is rechecked this often. */
export const ROUNDS = 12;
const KEYS_AT_ONCE = 1_000;
/** Rows that are in memory at a time; a larger one goes alone. */
const BYTES_AT_ONCE = 8 * 1024 * 1024;
/** A stream at rest leaves its whole backlog to be read. */
const LOG_SCAN_MS = 30_000;
/** How long the stream may take to move before another round is worth it. */
const MOVE_MS = 10_000;
const POLL_MS = 100;

export interface RecheckOptions {
  readonly source: Pick<Source, 'fetch' | 'currentPosition' | 'stream' | 'order'>;
  readonly destination: Pick<Destination, 'fetch'>;
  readonly verification: Verification;
  /** As of a comparison. */
  readonly losesRows: (namespace: Namespace) => Promise<boolean>;
  readonly sliceMs: number;
  readonly clock: Clock;
  readonly report: (progress: RecheckProgress) => void;
  readonly log: Log;
}

export interface RecheckProgress {
  readonly cleared: number;
  readonly damaged: number;
  readonly unsettled: number;
}

/** `slice`: suspects are left for the next call. */
export interface RecheckOutcome extends RecheckProgress {
  readonly reason: 'done' | 'slice' | 'stopped';
}

/**
 * Tells damage from lag. The low water is taken, both sides are read, a position is taken; a row that did not change at the
 * source between the two positions must be the same on both sides, because the destination had everything up to the low
 * water and there is nothing behind it. A row that did change is rechecked when the stream has moved on.
 */
export async function recheck(options: RecheckOptions, signal: AbortSignal): Promise<RecheckOutcome> {
  const { clock, verification, sliceMs } = options;
  const end = clock.monotonic() + sliceMs;
  let progress: RecheckProgress = { cleared: 0, damaged: 0, unsettled: 0 };
  const outcome = (reason: RecheckOutcome['reason']): RecheckOutcome => ({ ...progress, reason });
  let mark: Position | null = null;
  for (let below = 1; below <= ROUNDS; below += 1) {
    let progressed: boolean | null = null;
    for (;;) {
      if (signal.aborted) return outcome('stopped');
      if (clock.monotonic() >= end) return outcome('slice');
      const page = { limit: KEYS_AT_ONCE, after: null };
      const { list } = await verification.differences({ state: 'suspect', below }, page, signal);
      if (list.length === 0) break;
      // Once for each round: what is read in it has to be newer than what stirred in the one before.
      progressed ??= mark === null || (await untilPassed(options, mark, signal));
      // A stream that stands still will not make them the same.
      const last = below === ROUNDS || !progressed;
      const batch = fitting(list);
      const { settled, until } = await recheckBatch(options, batch, last, signal);
      await verification.resolve(settled, signal);
      mark = until ?? mark;
      progress = add(progress, settled);
      options.report(progress);
    }
  }
  return outcome('done');
}

function fitting(list: readonly Difference[]): readonly Difference[] {
  let bytes = 0;
  const end = list.findIndex((each, index) => {
    bytes += each.bytes;
    return index > 0 && bytes > BYTES_AT_ONCE;
  });
  return end < 0 ? list : list.slice(0, end);
}

interface Unequal {
  readonly difference: Difference;
  readonly kind: DifferenceKind;
}

async function recheckBatch(
  { source, destination, verification, losesRows, clock, log }: RecheckOptions,
  batch: readonly Difference[],
  last: boolean,
  signal: AbortSignal,
): Promise<{ readonly settled: readonly Rechecked[]; readonly until: Position | null }> {
  const again = (difference: Difference, kind: DifferenceKind = difference.kind): Rechecked => ({
    difference: { ...difference, rounds: difference.rounds + 1 },
    outcome: last ? 'unsettled' : 'suspect',
    kind,
  });
  const before = await verification.readProgress(signal);
  if (before?.lowWater == null) return { settled: batch.map((each) => again(each)), until: null };
  const settled: Rechecked[] = [];
  const unequal: Unequal[] = [];
  for (const [namespace, list] of grouped(batch)) {
    const keys = list.map(({ key }) => key);
    const here = await destination.fetch(namespace, keys, signal);
    const there = await source.fetch(namespace, keys, before.lowWater, signal);
    for (const difference of list) {
      const kind = kindOf(there.get(difference.key.id), here.get(difference.key.id));
      // It has gone at the source since it was compared.
      const lost = kind === 'extra' && (await losesRows(namespace));
      if (kind === null || lost) settled.push({ difference, outcome: 'cleared', kind: difference.kind });
      else unequal.push({ difference, kind });
    }
  }
  if (unequal.length === 0) return { settled, until: null };
  const until = await source.currentPosition(signal);
  const watched = unequal.map(({ difference: { namespace, key } }) => ({ namespace, keyId: key.id }));
  const touched = await touchedBetween(
    source,
    { from: before.lowWater, until },
    watched,
    { timeMs: LOG_SCAN_MS, clock },
    signal,
  );
  const after = await verification.readProgress(signal);
  for (const { difference, kind } of unequal) {
    const { namespace, key } = difference;
    if (touched.touched(namespace, key.id) || isCopied(namespace, before, after)) settled.push(again(difference, kind));
    else settled.push({ difference, outcome: 'damaged', kind });
  }
  log('debug', 'verify.rechecked', { rows: batch.length, unequal: unequal.length, unknown: touched.unknown });
  return { settled, until };
}

/** A copy writes rows out of the order of the log; a parked namespace is not written at all. */
function isCopied(namespace: Namespace, before: StreamProgress, after: StreamProgress | null): boolean {
  if (after?.copies !== before.copies) return true;
  return [before, after].some(({ copying, parked }) => copying.has(namespace) || parked.has(namespace));
}

function kindOf(source: EncodedRow | undefined, destination: EncodedRow | undefined): DifferenceKind | null {
  if (source === undefined) return destination === undefined ? null : 'extra';
  if (destination === undefined) return 'missing';
  return source.equals(destination) ? null : 'different';
}

function grouped(batch: readonly Difference[]): Map<Namespace, Difference[]> {
  const groups = new Map<Namespace, Difference[]>();
  for (const each of batch) {
    const group = groups.get(each.namespace);
    if (group === undefined) groups.set(each.namespace, [each]);
    else group.push(each);
  }
  return groups;
}

/** Whether the stream has passed a position within the time that a moving stream takes. */
async function untilPassed(
  { source, verification, clock }: RecheckOptions,
  position: Position,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = clock.monotonic() + MOVE_MS;
  for (;;) {
    const lowWater = (await verification.readProgress(signal))?.lowWater ?? null;
    if (lowWater !== null && reached(source.order(lowWater, position))) return true;
    if (clock.monotonic() >= deadline || signal.aborted) return false;
    await clock.sleep(POLL_MS, signal);
  }
}

function add(progress: RecheckProgress, settled: readonly Rechecked[]): RecheckProgress {
  const count = (outcome: Rechecked['outcome']): number => settled.filter((each) => each.outcome === outcome).length;
  return {
    cleared: progress.cleared + count('cleared'),
    damaged: progress.damaged + count('damaged'),
    unsettled: progress.unsettled + count('unsettled'),
  };
}
