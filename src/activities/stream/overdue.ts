import { ReplicationError } from '../../core/model/errors';
import type { Pump } from '../../core/pump/leg';

const LOOK_EVERY_MS = 5_000;
/** Beyond its slice a leg drains, closes and hands back its position; later than this it is stuck. */
const DRAIN_MS = 5 * 60_000;

/**
 * Fails a leg that goes on long after its slice although the destination is not busy. Temporal's own limit for the call is a day,
 * because an index may take that long to build.
 */
export async function notOverdue<T>(pump: Pick<Pump, 'isBusy'>, sliceMs: number, running: Promise<T>): Promise<T> {
  let dueAt = performance.now() + sliceMs + DRAIN_MS;
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      const now = performance.now();
      if (pump.isBusy) dueAt = Math.max(dueAt, now + DRAIN_MS);
      else if (now >= dueAt) reject(overrun());
    }, LOOK_EVERY_MS);
  });
  try {
    return await Promise.race([running, overdue]);
  } finally {
    clearInterval(timer);
  }
}

const overrun = (): ReplicationError =>
  new ReplicationError('retry', {
    code: 'leg_overrun',
    message: 'the leg went on long after its time and was given up',
    remedy: 'Look at the log of the worker that ran it.',
  });
