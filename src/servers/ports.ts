import { connect, createServer } from 'node:net';
import { reasonOf } from './errors';

const LOOPBACK = '127.0.0.1';
const ATTEMPTS = 4;
/** What servers say in their logs, also of ports that they pick themselves. */
const TAKEN = /address already in use|EADDRINUSE/iu;
/**
 * Below the ports that systems give to outgoing connections (from 32768 or 49152 on): one of those may be gone before its
 * server binds it (seen: where hundreds of connections come and go), or while its server restarts.
 */
const [LOWEST, HIGHEST] = [20_000, 32_000];
const TRIES = 50;

/** The wanted port when nothing listens there, else any free one. */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted !== undefined && (await isFree(wanted))) return wanted;
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
  return listenOnce(0);
}

/**
 * Starts a server on free ports, those that are wanted if possible. Another process may take a port before the server binds
 * it: a start that fails by that is tried again on other ports. `start` leaves nothing behind when it fails.
 */
export async function onFreePorts<T>(
  wanted: readonly (number | undefined)[],
  start: (...ports: number[]) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const ports: number[] = [];
    for (const each of wanted) ports.push(await freePort(attempt === 1 ? each : undefined));
    try {
      return await start(...ports);
    } catch (error) {
      const taken = TAKEN.test(reasonOf(error)) || !(await Promise.all(ports.map(isFree))).every(Boolean);
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}

export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });

const isFree = (port: number): Promise<boolean> =>
  listenOnce(port).then(
    () => true,
    () => false,
  );

const listenOnce = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: LOOPBACK, port }, () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
