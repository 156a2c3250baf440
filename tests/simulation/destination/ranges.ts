import { ReplicationError } from '../../../src/core/model/errors';
import type { Namespace } from '../../../src/core/model/namespace';
import type { BackfillKind, RangeRecord } from '../../../src/core/ports/destination';
import type { Range } from '../../../src/core/ports/source';
import type { RangeState } from './records';
import type { DestinationServer } from './server';

export type Progress = Pick<RangeRecord, 'after' | 'done' | 'rows' | 'bytes'>;

/** What is to be copied, in place of what was planned for these namespaces before. */
export function planRanges(
  server: DestinationServer,
  epoch: number,
  ranges: ReadonlyMap<Namespace, readonly Range[]>,
  backfill: BackfillKind | null,
): readonly RangeRecord[] {
  server.rootOf(epoch);
  for (const state of server.ranges) if (ranges.has(state.range.namespace)) state.replaced = true;
  for (const [namespace, list] of ranges) {
    for (const range of list) {
      const fresh = { sequence: 0, after: null, done: false, rows: 0, bytes: 0, backfill, overlapEnd: null };
      const number = server.ranges.length;
      server.ranges.push({ epoch, replaced: false, range: { ...range, ...fresh, number, namespace } });
    }
    if (list.length === 0) continue;
    const identity = backfill === null ? (server.targets.get(namespace)?.identity ?? null) : null;
    Object.assign(server.record(namespace), { identity, partial: false, unfollowed: false });
  }
  if (backfill !== null) server.supersede((name) => ranges.has(name));
  return server.openRanges;
}

/** The range where its copy left it; null where the copy is known to have gone on. */
export function rangeAt(server: DestinationServer, epoch: number, before: RangeRecord): RangeState | null {
  const state = server.ranges.find(({ range }) => range.number === before.number);
  if (state === undefined) throw behind();
  server.mustBe(state, epoch);
  if (state.range.sequence > before.sequence) return null;
  if (state.range.sequence !== before.sequence || state.replaced) throw behind();
  return state;
}

export function move(state: RangeState, next: Progress): RangeRecord {
  state.range = { ...state.range, ...next, sequence: state.range.sequence + 1 };
  return state.range;
}

export const behind = (): ReplicationError =>
  new ReplicationError('retry', { code: 'ledger_behind', message: 'the ledger is not where this writer left it' });
