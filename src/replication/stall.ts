import { ReplicationError } from './errors';
import type { Tally } from './tally';

const LOOK_EVERY_MS = 1000;

/** Tells of a leg in which nothing has moved for longer than it may, every second until it is disposed. */
export function watchForStall(tally: Tally, stallMs: number, stalled: (error: ReplicationError) => void): Disposable {
  const timer = setInterval(() => {
    if (tally.stillMs >= stallMs) stalled(stall(stallMs));
  }, LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const stall = (stallMs: number): ReplicationError =>
  new ReplicationError('retry', {
    code: 'stalled',
    message: `nothing has moved for ${Math.round(stallMs / 1000)} s, not even an idle position`,
    remedy: 'The leg is started again by itself. If this repeats, check that source and destination answer.',
  });
