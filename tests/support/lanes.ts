import type { LaneContext } from '../../src/core/write/lane';
import { StepSize } from '../../src/core/write/step-size';
import { RejectedChanges } from '../../src/core/failures/rejected-changes';
import { systemClock } from '../../src/host/clock';
import { at, order, row, silentMeter } from './changes';

/** A lane's surroundings over a made-up log, in which everything goes through and no metric is kept. */
export const laneContext = (rest: Partial<LaneContext> = {}): LaneContext => ({
  source: {
    order,
    traits: { kind: 'list', encoding: 'bson', positions: 'change', deltas: true },
    lookup: (changes) => Promise.resolve(changes.map((c) => row(c.key.id, c.position.token as number))),
    currentPosition: () => Promise.resolve(at(0)),
  },
  claim: { apply: () => Promise.resolve({ fresh: true }) },
  rejected: new RejectedChanges(
    {
      policy: { onError: 'fail_stream', maxRetries: 0, retryDelayMs: 1 },
      meter: silentMeter,
      log: () => undefined,
      countRejected: () => undefined,
    },
    [],
  ),
  monotonic: true,
  collided: null,
  groupCommit: null,
  alive: () => undefined,
  clock: systemClock,
  size: stepSize(),
  maxBytes: 1e6,
  meter: silentMeter,
  log: () => undefined,
  durable: () => undefined,
  failed: (error) => {
    throw error;
  },
  ...rest,
});

export const stepSize = (most = 1_000, stallMs = 60_000): StepSize =>
  new StepSize({ most, learned: null, stallMs, clock: systemClock, meter: silentMeter, log: () => undefined });
