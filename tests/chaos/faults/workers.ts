import { setTimeout as delay } from 'node:timers/promises';
import type { Held } from '../plan';
import type { Round } from '../round-context';
import { bite, within, type Bite, type FaultOf, type Inject } from './bite';

export const kill: Inject<'worker_kill'> = async (round, { restartAfterMs }) => {
  const worker = await round.atWork();
  await round.end(worker, 'SIGKILL');
  await delay(restartAfterMs);
  await round.workers(1);
  return bite(worker.ending === 'SIGKILL', `the worker at work ended by ${String(worker.ending)}`);
};

export const terminate: Inject<'worker_term'> = async (round, { restartAfterMs }) => {
  const worker = await round.atWork();
  const status = await round.end(worker, 'SIGTERM');
  await delay(restartAfterMs);
  await round.workers(1);
  const drained = worker.logged('worker.drained').length > 0;
  return bite(status === 0 && drained, `exit status ${String(status)}, ${drained ? '' : 'not '}drained`);
};

const BEHIND_MS = 250;
const COMMITS = new Set(['commitTransaction', 'update', 'insert', 'delete']);

/** A lot is read, little is durable, and silence may have been reported: then the worker dies. */
export const killBehind: Inject<'worker_kill_behind'> = async (round, { slowMs }) => {
  const proxy = round.proxies.destination;
  const worker = await round.atWork();
  let waiting = 0;
  proxy.rule = (command) => {
    if (COMMITS.has(command)) waiting += 1;
    return 'pass';
  };
  proxy.delayMs = slowMs;
  await within(15_000, () => waiting >= 4);
  await delay(2 * slowMs);
  await round.end(worker, 'SIGKILL');
  proxy.heal();
  await round.workers(1);
  return bite(waiting >= 4, `killed with a destination slower by ${slowMs} ms and ${waiting} writes under way`);
};

/** The lines with which a worker says that a call of this epoch, or an older one, has ended. */
const endedUpTo = (lines: readonly string[], epoch: number): boolean =>
  lines.some((line) => {
    if (!line.includes('"leg.ended"')) return false;
    const { epoch: ended } = JSON.parse(line) as { readonly epoch?: number };
    return ended !== undefined && ended <= epoch;
  });

/** Another worker takes over while `worker` is cut off from Temporal; then `worker` finds out. */
async function overtaken(
  round: Round,
  { ms, during }: { readonly ms: number; readonly during: Held },
  hold: (worker: Awaited<ReturnType<Round['atWork']>>) => () => Promise<unknown>,
): Promise<Bite> {
  await round.workers(2);
  const worker = await round.atWork(during);
  // It has read a lot and written little of it, and is slower than its successor: what it still sends comes late.
  const way = round.wayOf(worker);
  way.delayMs = BEHIND_MS;
  await delay(4 * BEHIND_MS);
  const epoch = await round.epoch();
  const since = performance.now();
  const before = worker.lines.length;
  const letGo = hold(worker);
  round.note(`worker ${worker.pid} is held at epoch ${epoch}`);
  const raised = await round.raised(epoch).catch(() => 0);
  await delay(Math.max(0, ms - (performance.now() - since)));
  await letGo();
  round.note(`worker ${worker.pid} goes on at epoch ${raised}`);
  const noticed = await within(
    15_000,
    () => endedUpTo(worker.lines.slice(before), epoch) || worker.ending !== undefined,
  );
  way.delayMs = 0;
  return bite(raised > 0, `epoch ${epoch} became ${raised}; the old one ${noticed ? 'ended' : 'did not end'}`);
}

export const freeze: Inject<'worker_freeze'> = (round, fault) =>
  overtaken(round, fault, (worker) => {
    void worker.signal('SIGSTOP');
    return () => worker.signal('SIGCONT');
  });

export const partition: Inject<'temporal_partition'> = (round, fault) =>
  overtaken(round, fault, (worker) => {
    const proxy = round.temporalOf(worker);
    // Polls that hang would be given the legs that follow; ones that are gone leave them to the other worker at once, so
    // that both write at the same time.
    if (fault.during === 'pump') {
      proxy.refusing = true;
      proxy.reset();
    } else proxy.stalled = true;
    return () => {
      proxy.heal();
      return Promise.resolve();
    };
  });

export const takeover: Inject<'worker_takeover'> = async (round, _fault: FaultOf<'worker_takeover'>) => {
  await round.workers(2);
  const first = await round.atWork();
  const epoch = await round.epoch();
  await round.end(first, 'SIGKILL');
  const raised = await round.raised(epoch).catch(() => 0);
  const second = await round.atWork().catch(() => undefined);
  return bite(
    raised > 0 && first.ending === 'SIGKILL',
    `worker ${second?.pid ?? '?'} took over from ${first.pid}: epoch ${epoch} became ${raised}`,
  );
};

/** Writes that a dead worker had sent reach the destination when another one has claimed it. */
export const lateDelivery: Inject<'late_delivery'> = async (round) => {
  const proxy = round.proxies.destination;
  const worker = await round.atWork();
  const epoch = await round.epoch();
  proxy.rule = (command) => (COMMITS.has(command) ? 'hold' : 'pass');
  await within(4000, () => proxy.held > 0);
  await delay(100);
  await round.end(worker, 'SIGKILL');
  proxy.rule = null;
  await round.workers(1);
  const raised = await round.raised(epoch).catch(() => 0);
  // The successor has begun to write by then, mostly.
  await delay(500);
  const released = proxy.release();
  return bite(released > 0 && raised > 0, `${released} writes of epoch ${epoch} arrived at epoch ${raised}`);
};
