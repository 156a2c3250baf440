import type { Position } from '../../../../core/model/position';
import { belongsTo, laneId, loaderId, storePosition, type LaneDocument, type LoaderDocument } from './records';
import type { Fence } from './fence';
import { newLane } from './store';
import { newLoader } from './fencing';

/** Who may write: the lanes of the layout in force, and the loaders that were let in. */
export class Layout {
  constructor(private readonly fence: Fence) {}

  /** Another number of lanes. All of them are level at the low water, and that is where each of them begins. */
  async change(lanes: number, readAheadLimit: Position | null, signal: AbortSignal): Promise<LaneDocument[]> {
    const { store, stream, epoch } = this.fence;
    const { lowWater } = await this.fence.record(signal);
    const ahead = readAheadLimit && storePosition(readAheadLimit);
    await this.fence.transaction(
      { $set: { lanes } },
      async (session) => {
        for (let lane = 0; lane < lanes; lane++) {
          const { position: _p, aheadUntil: _a, inForce: _i, ...fresh } = newLane(stream, lane, epoch);
          await store.ledger.updateOne(
            { _id: laneId(stream, lane) },
            { $set: { position: lowWater, aheadUntil: ahead, inForce: true }, $setOnInsert: fresh },
            { upsert: true, session },
          );
        }
        await store.ledger.updateMany(
          { ...belongsTo(stream), kind: 'lane', lane: { $gte: lanes } },
          { $set: { inForce: false } },
          { session },
        );
      },
      signal,
    );
    const writers = await store.writers(stream, signal);
    return writers.filter((record) => record.kind === 'lane' && record.inForce) as LaneDocument[];
  }

  /**
   * The record of a loader. A new one is let in durably before it opens its first transaction, so that a later claim
   * knows whose transactions to abort.
   */
  async loader(number: number, known: readonly LoaderDocument[], signal: AbortSignal): Promise<LoaderDocument> {
    const found = known.find(({ loader }) => loader === number);
    if (found !== undefined) return found;
    const { store, stream, epoch } = this.fence;
    const { _id, ...record } = newLoader(stream, number, epoch);
    await this.fence.transaction(
      { $max: { loaders: number + 1 } },
      (session) => store.ledger.updateOne({ _id }, { $setOnInsert: record }, { upsert: true, session }),
      signal,
    );
    const [made] = (await store.ledger
      .find({ _id: loaderId(stream, number) }, { signal })
      .toArray()) as LoaderDocument[];
    if (made?.epoch !== epoch) throw await this.fence.lost(signal);
    return made;
  }
}
