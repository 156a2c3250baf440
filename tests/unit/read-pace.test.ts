import { Pace } from '../../src/sources/mongodb/pace';

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
    expect(follow(new Pace(1_000), 500, 2)).toBe(0);
  });

  it('leaves events to gather, the longer the more come, and never for long', () => {
    const [some, many, most] = [2_000, 8_000, 40_000].map((rate) => follow(new Pace(1_000), rate, 2)) as [
      number,
      number,
      number,
    ];
    expect(some).toBeGreaterThan(1);
    expect(many).toBeGreaterThan(2 * some);
    expect(most).toBe(18);
  });

  it('asks at once when it is behind, and again when the source has become quiet', () => {
    const pace = new Pace(1_000);
    follow(pace, 10_000, 5);
    expect(pace.waitMs).toBeGreaterThan(10);
    pace.brought(1_000, 1_000 * BYTES);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
    follow(pace, 10_000, 5);
    jest.advanceTimersByTime(1_000);
    pace.brought(1, BYTES);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
  });

  it('knows by small batches too that it is behind', () => {
    const pace = new Pace(100);
    expect(follow(pace, 50_000, 2)).toBe(0);
    expect(follow(pace, 10_000, 2)).toBeGreaterThan(10);
  });

  it('asks for fewer events where they are large, and for all again where they are not', () => {
    const pace = new Pace(1_000);
    expect(pace.asked).toBe(10);
    pace.brought(10, 10 * 100 * 1024);
    expect(pace.asked).toBe(40);
    pace.begin();
    jest.advanceTimersByTime(10);
    // All that was asked for: there is more.
    pace.brought(40, 40 * 100 * 1024);
    expect(pace.waitMs).toBeLessThanOrEqual(0);
    pace.brought(0, 100);
    expect(pace.asked).toBe(40);
    pace.brought(1, 16 * 1024 * 1024);
    expect(pace.asked).toBe(1);
    pace.brought(1, BYTES);
    expect(pace.asked).toBe(1_000);
  });

  it('counts what the reader did meanwhile', () => {
    const pace = new Pace(1_000);
    follow(pace, 8_000, 5);
    const before = pace.waitMs;
    jest.advanceTimersByTime(6);
    expect(pace.waitMs).toBeCloseTo(before - 6);
  });
});
