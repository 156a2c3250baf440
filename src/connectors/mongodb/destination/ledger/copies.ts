import { Binary } from 'mongodb';
import type { BackfillKind, RangeRecord } from '../../../../core/ports/destination';
import type { Namespace } from '../../../../core/model/namespace';
import type { Position } from '../../../../core/model/position';
import type { Range } from '../../../../core/ports/source';
import type { Fence } from './fence';
import { confirmed, judge, type WriterOptions } from '../writer/lane';
import type { Namespaces } from '../schema/namespaces';
import { belongsTo, newRange, rangeId, readRange, storePosition } from './records';

export interface Plan {
  readonly ranges: ReadonlyMap<Namespace, readonly Range[]>;
  readonly inline: BackfillKind | null;
  /** The stream has no start position yet. */
  readonly start?: boolean;
}

/** What is to be copied, and how far the backfills are. */
export class Copies {
  constructor(
    private readonly fence: Fence,
    private readonly namespaces: Namespaces,
    private readonly writer: WriterOptions,
  ) {}

  /** Takes the place of what was planned for these namespaces before; answers with all ranges of the stream. */
  async plan({ ranges, inline, start = false }: Plan, signal: AbortSignal): Promise<readonly RangeRecord[]> {
    const { store, stream, epoch } = this.fence;
    const sources = [...ranges.keys()];
    const copied = sources.filter((name) => (ranges.get(name) ?? []).length > 0);
    await this.namespaces.own(copied, signal, start);
    const [last] = await store.ranges.find(belongsTo(stream), { signal }).sort({ number: -1 }).limit(1).toArray();
    let number = last === undefined ? 0 : last.number + 1;
    const records = [...ranges].flatMap(([name, list]) =>
      list.map((range) => newRange({ stream, epoch }, number++, name, range, inline)),
    );
    await this.fence.transaction(
      { $set: { planned: new Date() } },
      async (session) => {
        await store.ranges.updateMany(
          { ...belongsTo(stream), namespace: { $in: sources }, replaced: false },
          { $set: { replaced: true } },
          { session },
        );
        if (records.length > 0) await store.ranges.insertMany(records, { session });
      },
      signal,
    );
    const fields = { partial: false, left: false };
    // A new copy takes the collections that stand there now for its own. One inside the stream keeps their rows: `prepare`
    // inspects a collection that is not the recorded one before it is written to.
    if (inline === null) await this.namespaces.adopt(copied, fields, signal);
    else await this.namespaces.reconsider(copied, fields, signal);
    return (await store.rangesOf(stream, signal)).map(readRange);
  }

  async progressed(
    range: RangeRecord,
    { after, done, rows, bytes }: Pick<RangeRecord, 'after' | 'done' | 'rows' | 'bytes'>,
    signal: AbortSignal,
  ): Promise<RangeRecord> {
    const { store, stream, epoch } = this.writer;
    const { number, sequence } = range;
    const _id = rangeId(stream, number);
    const set = { sequence: sequence + 1, done, rows, bytes, ...(after !== null && { after: new Binary(after) }) };
    const filter = { _id, epoch, sequence, replaced: false };
    if (!(await store.update('ranges', { filter, update: { $set: set } }, signal)))
      judge(await confirmed('ranges', this.writer, _id, signal), { stream, epoch, expected: sequence });
    return { ...range, sequence: sequence + 1, after, done, rows, bytes };
  }

  async copied(namespace: Namespace, inStepAfter: Position, signal: AbortSignal): Promise<void> {
    const { store, stream } = this.fence;
    await this.fence.transaction(
      { $set: { copied: new Date() } },
      (session) =>
        store.ranges.updateMany(
          { ...belongsTo(stream), namespace, replaced: false },
          { $set: { inStepAfter: storePosition(inStepAfter) } },
          { session },
        ),
      signal,
    );
  }
}
