import type { Log } from './connector';
import { ReplicationError } from './errors';
import type { Tally } from './tally';

const LOOK_EVERY_MS = 1000;

export interface StallOptions {
  readonly stallMs: number;
  /** The destination works on a schema change or an index: that takes as long as it takes, and counts as life. */
  readonly isBusy: () => boolean;
  readonly stalled: (error: ReplicationError) => void;
  readonly log: Log;
}

/** Tells of a leg in which nothing has moved for longer than it may, every second until it is disposed. */
export function watchForStall(tally: Tally, { stallMs, isBusy, stalled, log }: StallOptions): Disposable {
  const begunAt = performance.now();
  const timer = setInterval(() => {
    if (tally.stillMs < stallMs) return;
    if (!isBusy()) {
      stalled(stall(stallMs));
      return;
    }
    log('warn', 'leg.waits_for_destination', { legMs: Math.round(performance.now() - begunAt) });
    tally.moved();
  }, LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const stall = (stallMs: number): ReplicationError =>
  new ReplicationError('retry', {
    code: 'stalled',
    message: `nothing has moved for ${Math.round(stallMs / 1000)} s, not even an idle position`,
    remedy: 'The leg is started again by itself. If this repeats, check that source and destination answer.',
  });
