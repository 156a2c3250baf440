import type { Clock } from '../ports/clock';
import type { Claim, RangeRecord } from '../ports/destination';
import type { Limiter } from '../write/limiter';
import type { Overlap } from '../refresh/overlap';
import type { Meter } from '../pump/progress';
import type { Source } from '../ports/source';

export interface CopyOnceContext {
  readonly source: Pick<Source, 'added' | 'namespace'>;
  readonly claim: Pick<Claim, 'ledger' | 'add' | 'prepare' | 'progressed' | 'index'>;
  readonly clock: Clock;
  readonly batchSize: number;
  readonly limiter: Limiter;
  readonly meter: Meter;
  readonly writing: AbortSignal;
}

/**
 * Copies a namespace that no change tells of, once and in the order of the source. Its rows have no key that is unique, so
 * that nothing can be written over: the destination adds what it lacks. A copy that goes on after a crash, or is asked for
 * again, thus doubles nothing. Answers whether the source still has it.
 */
export async function copyOnce(context: CopyOnceContext, overlap: Overlap, signal: AbortSignal): Promise<boolean> {
  const { claim, clock, source, writing } = context;
  const found = await source.namespace(overlap.namespace, signal);
  // Gone, or another kind of namespace by now, which the stream follows.
  if (found?.follows !== 'copy_only') return false;
  await claim.prepare([found], writing);
  for (const range of overlap.ranges) {
    let record = range;
    const since = claim.ledger.lowWater;
    if (record.done || since === null) continue;
    const { after } = record;
    const batches = source.added(found, { after, since, batchSize: context.batchSize }, signal);
    for await (const { rows, bytes, last } of batches) {
      await context.limiter.take(rows.length, bytes, signal);
      if (signal.aborted) break;
      const started = clock.monotonic();
      await claim.add({ range: record, rows, upTo: last }, writing);
      record = await advance(context, overlap, record, { after: last, rows: rows.length, bytes, done: false });
      context.meter.copied(rows.length, bytes, clock.monotonic() - started);
    }
    if (signal.aborted) return true;
    await advance(context, overlap, record, { after: null, rows: 0, bytes: 0, done: true });
  }
  await claim.index([found], () => undefined, signal);
  return true;
}

async function advance(
  { claim, writing }: CopyOnceContext,
  overlap: Overlap,
  range: RangeRecord,
  { after, rows, bytes, done }: Pick<RangeRecord, 'after' | 'rows' | 'bytes' | 'done'>,
): Promise<RangeRecord> {
  const next = { after: after ?? range.after, done, rows: range.rows + rows, bytes: range.bytes + bytes };
  const record = await claim.progressed(range, next, writing);
  overlap.update(record);
  return record;
}
