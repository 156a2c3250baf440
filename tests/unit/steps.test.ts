import type { Change } from '../../src/core/model/change';
import { StepSize } from '../../src/core/write/step-size';
import { Steps, type Piece } from '../../src/core/write/steps';
import { VirtualClock } from '../simulation/clock';
import { at, delta, row, silentMeter } from '../support/changes';
import { laneContext } from '../support/lanes';

const never = new AbortController().signal;

/** A clock that counts what is waited for. */
class CountingClock extends VirtualClock {
  timers = 0;

  override timer(ms: number, fire: () => void): Disposable {
    this.timers += 1;
    return super.timer(ms, fire);
  }
}

/** The steps of a lane on a clock of its own; a source that does not answer hangs until it is told to stop. */
function steps(answers = true) {
  const clock = new CountingClock();
  const defaults = laneContext();
  const hang = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const source = {
    ...defaults.source,
    lookup: (changes: readonly Change[], maxBytes: number, signal: AbortSignal) =>
      answers ? defaults.source.lookup(changes, maxBytes, signal) : hang(signal),
  };
  const size = new StepSize({
    most: 10,
    learned: null,
    stallMs: 60_000,
    clock,
    meter: silentMeter,
    log: () => undefined,
  });
  const context = laneContext({ clock, size, source });
  return { clock, size, steps: new Steps({ lane: 0, sequence: 0, position: null, readAheadLimit: null }, context) };
}

const piece = (...changes: Change[]): Piece => ({ changes, bytes: changes.length, pastOverlap: true, position: at(1) });

it('waits for no timer where nothing has to be read again', async () => {
  const t = steps();
  expect(await t.steps.write(piece(row('a', 1), delta('b', 1)), never)).toBeNull();
  expect(t.clock.timers).toBe(0);
  expect(await t.steps.write(piece(row('a', 2), delta('b', 2, true)), never)).toBeNull();
  expect(t.clock.timers).toBe(1);
});

it('gives up reading rows once the step takes too long, and asks for a smaller one', async () => {
  const t = steps(false);
  const patienceMs = t.size.withinMs(2);
  const refused = await t.clock.run(() => t.steps.write(piece(delta('a', 1, true), delta('b', 1, true)), never));
  expect([refused, t.clock.monotonic(), t.size.most]).toEqual(['too_much', patienceMs, 1]);
});

it('stops reading rows when the leg does', async () => {
  const t = steps(false);
  const stop = new AbortController();
  const written = t.steps.write(piece(delta('a', 1, true), delta('b', 1, true)), stop.signal);
  stop.abort(new Error('the leg is over'));
  await expect(written).rejects.toThrow('the leg is over');
  expect([t.clock.monotonic(), t.size.most]).toEqual([0, 10]);
});
