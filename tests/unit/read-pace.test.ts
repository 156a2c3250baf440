import { Pace } from '../../src/connectors/mongodb/source/stream/pace';

const BYTES = 600;

describe('pace of reads', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** Reads for a second, each of which brings what came since the last one; answers the longest wait. */
  function follow(pace: Pace, perSecond: number, everyMs: number): number {
    let longest = 0;
    for (let ms = 0; ms < 1_000; ms += everyMs) {
      pace.begin();
      jest.advanceTimersByTime(everyMs);
      const events = (perSecond * everyMs) / 1_000;
      pace.brought(events, events * BYTES);
      longest = Math.max(longest, pace.waitMs);
    }
    return longest;
  }

  it('asks at once at rates at which every event may be written by itself', () => {
    expect(follow(new Pace(1_000, 2_000), 500, 2)).toBe(0);
  });

  it('leaves events to gather, the longer the more come, and never for long', () => {
    const [some, many, most] = [2_000, 8_000, 40_000].map((rate) => follow(new Pace(1_000, 2_000), rate, 2)) as [
      number,
      number,
      number,
    ];
    expect(some).toBeGreaterThan(1);
    expect(many).toBeGreaterThan(2 * some);
    expect(most).toBe(13);
  });

  it('asks at once when it is behind, and again when the source has become quiet', () => {
    const pace = new Pace(1_000, 2_000);
    follow(pace, 10_000, 5);
    expect(pace.waitMs).toBeGreaterThan(5);
    pace.brought(1_000, 1_000 * BYTES);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
    follow(pace, 10_000, 5);
    jest.advanceTimersByTime(1_000);
    pace.brought(1, BYTES);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
  });

  it('knows by small batches too that it is behind', () => {
    const pace = new Pace(100, 2_000);
    expect(follow(pace, 50_000, 2)).toBe(0);
    expect(follow(pace, 10_000, 2)).toBeGreaterThan(5);
  });

  it('asks for a few events first, and then for as many as fit into a reply if they are like the last ones', () => {
    const pace = new Pace(1_000, 2_000);
    const asked = [pace.asked];
    const bring = (events: number, bytesEach: number): void => {
      pace.brought(events, events * bytesEach);
      asked.push(pace.asked);
    };
    for (const events of [4, 16, 64, 256, 1_000]) bring(events, BYTES);
    expect(asked).toEqual([4, 16, 64, 256, 1_000, 1_000]);
    bring(160, 100 * 1024);
    expect(pace.asked).toBe(40);
    bring(0, 100);
    expect(pace.asked).toBe(40);
    bring(1, 16 * 1024 * 1024);
    expect(pace.asked).toBe(1);
    bring(1, BYTES);
    expect(pace.asked).toBe(4);
  });

  it('asks at once for more where all that was asked for has come', () => {
    const pace = new Pace(1_000, 2_000);
    follow(pace, 10_000, 4);
    pace.brought(40, 40 * 100 * 1024);
    expect(pace.asked).toBe(40);
    pace.begin();
    jest.advanceTimersByTime(4);
    pace.brought(39, 39 * 100 * 1024);
    expect(pace.waitMs).toBeGreaterThan(5);
    pace.brought(pace.asked, pace.asked * 100 * 1024);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
  });

  it('waits for the next event the longer, the longer there was none', () => {
    const pace = new Pace(1_000, 2_000);
    const waits = [pace.awaitMs];
    for (const events of [0, 0, 0, 0, 1, 0]) {
      pace.brought(events, events * BYTES);
      waits.push(pace.awaitMs);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 2_000, 250, 500]);
    expect(new Pace(1_000, 100).awaitMs).toBe(100);
  });

  it('counts what the reader did meanwhile', () => {
    const pace = new Pace(1_000, 2_000);
    follow(pace, 8_000, 5);
    const before = pace.waitMs;
    jest.advanceTimersByTime(6);
    expect(pace.waitMs).toBeCloseTo(before - 6);
  });
});
