import { Ending } from '../../src/core/pump/ending';
import { ReplicationError } from '../../src/core/model/errors';
import { VirtualClock } from '../simulation/clock';

/** A leg that counts as stalled after a minute; what is under way at its end is cut off after seven seconds. */
function leg(is: { firstStep?: boolean; progressed?: boolean } = {}) {
  const events: string[] = [];
  const clock = new VirtualClock();
  const ending = new Ending({
    begun: () => undefined,
    progressed: () => is.progressed === true,
    firstSteps: () => is.firstStep === true,
    stallMs: 60_000,
    clock,
    log: (_level, event) => void events.push(event),
  });
  return { is, ending, events, clock };
}

const stalled = new ReplicationError('retry', { code: 'stalled', message: 'nothing has moved' });

describe('the end of a slice', () => {
  it('cuts off what is under way after seven seconds', () => {
    const { ending, clock } = leg();
    ending.begin('slice');
    clock.skip(6_900);
    expect(ending.writing.aborted).toBe(false);
    clock.skip(200);
    expect(ending.writing.aborted).toBe(true);
  });

  it('waits for the first step of a lane, but for no other and not for ever', () => {
    const one = leg({ firstStep: true });
    one.ending.begin('slice');
    one.clock.skip(30_000);
    expect(one.ending.writing.aborted).toBe(false);
    one.is.firstStep = false;
    one.clock.skip(300);
    expect(one.ending.writing.aborted).toBe(true);

    const other = leg({ firstStep: true });
    other.ending.begin('slice');
    other.clock.skip(61_000);
    expect(other.ending.writing.aborted).toBe(true);
  });

  it('does not hold up a pause, before or after it', () => {
    const before = leg({ firstStep: true });
    before.ending.stop();
    const after = leg({ firstStep: true });
    after.ending.begin('slice');
    before.clock.skip(8_000);
    after.clock.skip(8_000);
    expect([before.ending.writing.aborted, after.ending.writing.aborted]).toEqual([true, false]);
    after.ending.stop();
    after.clock.skip(300);
    expect(after.ending.writing.aborted).toBe(true);
    expect(after.ending.over()).toBe('slice');
  });
});

describe('a leg in which nothing moves any more', () => {
  it('fails where it has written nothing', () => {
    const { ending } = leg();
    ending.stall(stalled);
    expect(() => ending.over()).toThrow(stalled);
  });

  it('ends as any other where it has, and says so once', () => {
    const { ending, events } = leg({ progressed: true });
    ending.stall(stalled);
    ending.stall(stalled);
    expect(ending.over()).toBe('slice');
    expect(events).toEqual(['leg.cut_off']);
  });
});
