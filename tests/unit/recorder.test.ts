import { Condition } from '../../src/core/async/condition';
import { LowWater } from '../../src/core/pump/low-water';
import { Recorder } from '../../src/core/pump/recorder';
import { VirtualClock } from '../simulation/clock';
import { at } from '../support/changes';

/** A recorder of a mark that tests move, with what it has recorded and when. */
class Recording {
  readonly mark = new LowWater(at(0));
  readonly clock = new VirtualClock();
  readonly moved = new Condition(this.clock);
  readonly ending = new AbortController();
  readonly recorded: [number, unknown][] = [];
  /** In the order in which they were told. */
  readonly told: string[] = [];
  idle = true;
  readonly run: Promise<void>;

  constructor() {
    const recorder = new Recorder({
      claim: {
        advance: (position) => {
          this.recorded.push([this.clock.monotonic(), position.token]);
          return Promise.resolve({ sequence: this.recorded.length, repairs: 3 });
        },
      },
      clock: this.clock,
      mark: this.mark,
      progressed: this.moved,
      ending: this.ending.signal,
      writing: new AbortController().signal,
      idle: () => this.idle,
      recorded: ({ token }) => this.told.push(`recorded ${JSON.stringify(token)}`),
      asked: (times) => this.told.push(`asked ${times}`),
    });
    this.run = recorder.run();
  }

  /** Reaches a position `ms` from now. */
  async reach(position: number, ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.mark.idle(at(position), position);
    this.moved.notify();
    await this.clock.advance(0);
  }
}

describe('the low water at the destination', () => {
  it('is recorded at once, then four times a second at most', async () => {
    const t = new Recording();
    t.idle = false;
    for (let position = 1; position <= 10; position++) await t.reach(position, position === 1 ? 0 : 100);
    expect(t.recorded).toEqual([
      [0, 1],
      [250, 3],
      [500, 5],
      [750, 8],
    ]);
  });

  it('tells of repairs before a leg may end because it is where it was to go', async () => {
    const t = new Recording();
    await t.reach(1, 0);
    expect(t.told).toEqual(['asked 3', 'recorded 1']);
  });

  it('is recorded every two seconds while nothing is to be written', async () => {
    const t = new Recording();
    for (let position = 1; position <= 6; position++) await t.reach(position, position === 1 ? 0 : 1_000);
    expect(t.recorded).toEqual([
      [0, 1],
      [2_000, 2],
      [4_000, 4],
    ]);
  });

  it('does not wait out a silence that is over', async () => {
    const t = new Recording();
    await t.reach(1, 0);
    await t.reach(2, 1_000);
    expect(t.recorded).toEqual([[0, 1]]);
    t.idle = false;
    await t.reach(3, 100);
    expect(t.recorded).toEqual([
      [0, 1],
      [1_100, 3],
    ]);
  });

  it('is not put off by a silence that begins meanwhile', async () => {
    const t = new Recording();
    t.idle = false;
    await t.reach(1, 0);
    await t.reach(2, 100);
    t.idle = true;
    await t.reach(3, 100);
    await t.clock.advance(50);
    expect(t.recorded).toEqual([
      [0, 1],
      [250, 3],
    ]);
  });

  it('does not wait for its turn once the leg ends', async () => {
    const t = new Recording();
    await t.reach(1, 0);
    await t.reach(2, 10);
    t.ending.abort();
    await t.clock.advance(0);
    await t.reach(3, 5);
    t.moved.close();
    await t.run;
    expect(t.recorded).toEqual([
      [0, 1],
      [10, 2],
      [15, 3],
    ]);
  });
});
