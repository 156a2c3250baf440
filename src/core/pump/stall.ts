import type { Clock } from '../ports/clock';
import type { Log } from '../ports/connector';
import { ReplicationError } from '../model/errors';
import type { Stats } from './stats';

const LOOK_EVERY_MS = 1000;

export interface StallOptions {
  readonly stallMs: number;
  /** The destination works on a schema change or an index: that takes as long as it takes, and counts as life. */
  readonly isBusy: () => boolean;
  readonly stalled: (error: ReplicationError) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Tells of a leg in which nothing has moved for longer than it may, every second until it is disposed. */
export function watchForStall(stats: Stats, { stallMs, isBusy, stalled, clock, log }: StallOptions): Disposable {
  const begunAt = clock.monotonic();
  let timer = clock.timer(LOOK_EVERY_MS, look);
  function look(): void {
    timer = clock.timer(LOOK_EVERY_MS, look);
    if (stats.stillMs < stallMs) return;
    if (!isBusy()) {
      stalled(stall(stallMs));
      return;
    }
    log('warn', 'leg.waits_for_destination', { legMs: Math.round(clock.monotonic() - begunAt) });
    stats.active();
  }
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

const stall = (stallMs: number): ReplicationError =>
  new ReplicationError('retry', {
    code: 'stalled',
    message: `nothing has moved for ${Math.round(stallMs / 1000)} s, not even an idle position`,
    remedy: 'The leg is started again by itself. If this repeats, check that source and destination answer.',
  });
