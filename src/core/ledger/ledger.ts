import type { LaneRecord } from '../ports/destination';
import type { Position } from '../model/position';
import { fenceStream, type ClaimOptions, type FencedRecords } from './claim';
import { remove } from './records/records';
import { Lanes } from './lanes';
import { Loaders } from './loaders';
import { Ranges } from './ranges';

/** The ledger of one stream, held by one claim: everything here fails with `fenced` once a higher epoch was claimed. */
export class ClaimedLedger implements AsyncDisposable {
  readonly ranges: Ranges;
  readonly lanes: Lanes;
  readonly loaders: Loaders;

  private constructor(readonly fenced: FencedRecords) {
    this.ranges = new Ranges(fenced);
    this.lanes = new Lanes(fenced);
    this.loaders = new Loaders(fenced, this.ranges);
  }

  static async claim(options: ClaimOptions, signal: AbortSignal): Promise<ClaimedLedger> {
    const fenced = await fenceStream(options, signal);
    const ledger = new ClaimedLedger(fenced);
    await ledger.ranges.finish(signal);
    await ledger.ranges.collect(signal);
    await ledger.#removeDead(signal);
    return ledger;
  }

  get epoch(): number {
    return this.fenced.context.epoch;
  }

  get lowWater(): Position | null {
    return this.fenced.root.state.lowWater;
  }

  get laneRecords(): readonly LaneRecord[] {
    return this.lanes.records;
  }

  /** Lanes of other generations, which nothing can write any more, and long positions that no record names. */
  async #removeDead(signal: AbortSignal): Promise<void> {
    const { context, root, slots, unnamed } = this.fenced;
    const dead = [...slots.values()].filter(
      ({ key, generation }) => key.startsWith(context.keys.lanes) && generation !== root.generation,
    );
    const ops = [...dead, ...unnamed].map(remove);
    if (ops.length > 0) await root.write(ops, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lanes.close();
    await this.loaders.close();
    await this.fenced.root.close();
  }
}
