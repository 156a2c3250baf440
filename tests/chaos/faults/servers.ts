import { setTimeout as delay } from 'node:timers/promises';
import { bite, within, type Inject } from './bite';

/** A worker may have to be started first. */
const PATIENCE_MS = 15_000;

export const killTemporal: Inject<'temporal_kill'> = async ({ stage: { temporal } }, { signal, downMs }) => {
  const { pid } = temporal;
  await temporal.kill(signal);
  const ended = temporal.pid === undefined;
  await delay(downMs);
  await temporal.restart();
  return bite(
    ended && temporal.pid !== pid,
    `process ${pid ?? '?'} ended by ${signal}, ${temporal.pid ?? '?'} started`,
  );
};

export const killServer: Inject<'server_kill'> = async (round, { side, signal, downMs }) => {
  const server = round.stage.server(side);
  const { pid } = server;
  await within(PATIENCE_MS, () => round.proxies[side].connections > 0);
  const { connections } = round.proxies[side];
  await server.kill(signal);
  const ended = server.pid === undefined;
  await delay(downMs);
  await server.restart();
  return bite(
    ended && connections > 0,
    `the ${side}, process ${pid ?? '?'}, ended by ${signal} with ${connections} connections of workers`,
  );
};
