import { Timestamp } from 'mongodb';
import { windowLeft } from '../../src/core/plan/window';
import { filledOf, Forgetting, keepsMs } from '../../src/connectors/mongodb/source/oplog-reach';

const HOUR_MS = 3_600_000;
/** An oplog whose oldest entry is an hour old. */
const hourOld = { oldestMs: 1_000_000, newestMs: 1_000_000 + HOUR_MS, forgets: false };

describe('for how long an oplog keeps what is written now', () => {
  test.each([
    ['nothing of a young one that does not tell its size', { ...hourOld, filled: null }, null],
    ['nothing of one that is nearly empty', { ...hourOld, filled: 0.01 }, null],
    ['by its pace once it is a quarter full', { ...hourOld, filled: 0.25 }, 4 * HOUR_MS],
    ['nothing just before', { ...hourOld, filled: 0.2499 }, null],
    ['by its pace until a tenth of its size is left', { ...hourOld, filled: 0.8999 }, Math.round(HOUR_MS / 0.8999)],
    ['as long as it reaches back from there on', { ...hourOld, filled: 0.9 }, HOUR_MS],
    ['as long as it reaches back when it is full', { ...hourOld, filled: 0.95 }, HOUR_MS],
    ['as long as it reaches back when it may grow beyond its size', { ...hourOld, filled: 1.4 }, HOUR_MS],
    ['as long as it reaches back once it has dropped something', { ...hourOld, filled: null, forgets: true }, HOUR_MS],
  ])('tells %s', (_, reach, wanted) => expect(keepsMs(reach)).toBe(wanted));

  test('is read from what the server says of the collection', () => {
    expect(filledOf({ size: 300, maxSize: 1_000, count: 5 })).toBe(0.3);
    expect(filledOf({ size: 0, maxSize: 1_000, count: 50, max: 100 })).toBe(0.5);
    expect(filledOf({ size: 900, maxSize: 1_000, count: 50, max: 100 })).toBe(0.9);
    expect(filledOf({ size: 1_400, maxSize: 1_000 })).toBe(1.4);
    expect(filledOf({ size: 300, maxSize: 0, count: 5, max: 0 })).toBe(0);
    expect(filledOf({ count: 50, max: 100 })).toBe(0.5);
    expect(filledOf({ size: 300 })).toBeNull();
    expect(filledOf({})).toBeNull();
  });

  test('an oldest entry that moves was dropped; another deployment has one of its own', () => {
    const forgetting = new Forgetting();
    const at = (t: number) => new Timestamp({ t, i: 1 });
    expect(forgetting.see('a', at(10))).toBe(false);
    expect(forgetting.see('b', at(20))).toBe(false);
    expect(forgetting.see('a', at(10))).toBe(false);
    expect(forgetting.see('a', at(11))).toBe(true);
    expect(forgetting.see('b', at(20))).toBe(false);
  });
});

test('what is left to a position is what the log keeps, without the age of the position', () => {
  const span = { oldestMs: 1_000_000, newestMs: 1_000_000 + HOUR_MS };
  const tenMinutesAgo = span.newestMs - 600_000;
  expect(windowLeft({ ...span, keepsMs: HOUR_MS }, tenMinutesAgo)).toEqual({
    windowSeconds: 3_000,
    windowAtLeast: false,
  });
  expect(windowLeft({ ...span, keepsMs: 4 * HOUR_MS }, tenMinutesAgo)).toEqual({
    windowSeconds: 13_800,
    windowAtLeast: false,
  });
  expect(windowLeft({ ...span, keepsMs: null }, tenMinutesAgo)).toEqual({ windowSeconds: 3_000, windowAtLeast: true });
  expect(windowLeft({ ...span, keepsMs: HOUR_MS }, span.oldestMs - 5)).toMatchObject({ windowSeconds: 0 });
});
