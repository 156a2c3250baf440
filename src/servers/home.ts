import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

/** Where Tributary keeps what it fetches: `TRIBUTARY_HOME`, or `.tributary` in the working directory. */
export const servicesHome = (): string => resolve(process.env['TRIBUTARY_HOME'] ?? '.tributary', 'services');

const thisHost = hostname().replaceAll(/[^A-Za-z0-9]/g, '_');

/** A directory for this process alone. What processes of this host left behind when they were killed is removed first. */
export async function scratchDirectory(purpose: string): Promise<string> {
  const parent = join(servicesHome(), 'scratch');
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const directory = join(parent, `${thisHost}-${process.pid}-${purpose}-${randomBytes(4).toString('hex')}`);
  await mkdir(directory);
  return directory;
}

export const removeDirectory = (directory: string): Promise<void> =>
  rm(directory, { recursive: true, force: true, maxRetries: 5 });

async function sweep(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [host, pid] = name.split('-');
    if (host === thisHost && !isAlive(Number(pid))) await removeDirectory(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: alive, and someone else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
