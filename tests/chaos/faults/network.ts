import { setTimeout as delay } from 'node:timers/promises';
import type { Proxy } from '../proxy';
import type { Round } from '../round-context';
import { bite, within, type Bite, type Inject } from './bite';

/** A worker may have to be started first. */
const PATIENCE_MS = 15_000;

async function again(proxy: Proxy, times: number, end: (proxy: Proxy) => number, what: string): Promise<Bite> {
  let ended = 0;
  await within(PATIENCE_MS, () => proxy.connections > 0);
  for (let n = 0; n < times; n += 1) {
    if (n > 0) await delay(300);
    ended += end(proxy);
  }
  return bite(ended > 0, `${ended} connections ${what}`);
}

export const cut: Inject<'cut'> = ({ proxies }, { side, times }) =>
  again(proxies[side], times, (proxy) => proxy.cut(), `to the ${side} closed`);

export const reset: Inject<'reset'> = ({ proxies }, { side, times }) =>
  again(proxies[side], times, (proxy) => proxy.reset(), `to the ${side} reset`);

export const halfClose: Inject<'half_close'> = ({ proxies }, { side, times }) =>
  again(proxies[side], times, (proxy) => proxy.halfClose(), `from the ${side} closed in one direction`);

export const slow: Inject<'delay'> = async ({ proxies }, { side, ms, delayMs }) => {
  const proxy = proxies[side];
  const before = proxy.delayed;
  proxy.delayMs = delayMs;
  await delay(ms);
  await within(PATIENCE_MS, () => proxy.delayed > before);
  proxy.delayMs = 0;
  const delayed = proxy.delayed - before;
  return bite(delayed > 0, `${delayed} messages to or from the ${side} came ${delayMs} ms late`);
};

/** Too much in one step is given up and written in smaller ones; what was given up still arrives. */
export const slowSteps: Inject<'slow_steps'> = async ({ proxies, plan, t }, { ms, fullStepMs }) => {
  const proxy = proxies.destination;
  const before = proxy.slowed;
  const small = (): number => t.everyLine.filter((line) => line.includes('steps_small"')).length;
  const smallBefore = small();
  proxy.msPerStatement = fullStepMs / plan.batchSize;
  await delay(ms);
  await within(PATIENCE_MS, () => proxy.slowed > before);
  proxy.msPerStatement = 0;
  const slowed = proxy.slowed - before;
  const evidence = `${slowed} statements took ${(fullStepMs / plan.batchSize).toFixed(1)} ms each`;
  return bite(slowed > 0, `${evidence}; steps became smaller ${small() - smallBefore} times`);
};

/** Does something to the next requests of some kinds, until it has been done often enough. */
async function next(
  proxy: Proxy,
  action: 'drop_reply' | 'truncate',
  commands: readonly string[],
  times: number,
): Promise<number> {
  const before = proxy.done[action];
  const done = (): number => proxy.done[action] - before;
  proxy.rule = (command) => (commands.includes(command) && done() < times ? action : 'pass');
  await within(PATIENCE_MS, () => done() >= times);
  proxy.rule = null;
  return done();
}

export const dropReply: Inject<'drop_reply'> = async ({ proxies }: Round, { side, commands, times }) => {
  const dropped = await next(proxies[side], 'drop_reply', commands, times);
  return bite(dropped > 0, `${dropped} answers of the ${side} to ${commands.join(', ')} were lost`);
};

export const truncate: Inject<'truncate'> = async ({ proxies }: Round, { side, commands, times }) => {
  const cutShort = await next(proxies[side], 'truncate', commands, times);
  return bite(cutShort > 0, `${cutShort} requests (${commands.join(', ')}) reached the ${side} by half`);
};
