import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MongoClient } from 'mongodb';
import type { DemoResult } from '../../src/cli/demo/demo';
import { eventually } from '../support/eventually';

const root = resolve(__dirname, '..', '..');
const RUNS = resolve(process.env['TRIBUTARY_HOME'] ?? join(root, '.tributary'), 'demo');
const TIMEOUT_MS = 400_000;
const ENDED = 'the demo has ended; everything that it started is stopped\n';

const runs = async (): Promise<string[]> => (existsSync(RUNS) ? readdir(RUNS) : []);

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<[number | null]>;
  out: string;
  err: string;
}

function demo(...args: string[]): Running {
  const child = spawn(process.execPath, [join(root, 'dist', 'starter.js'), 'demo', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen: Running = { child, exited: once(child, 'exit') as Promise<[number | null]>, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (seen.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (seen.err += text));
  return seen;
}

const says = (seen: Running, text: string): Promise<void> =>
  eventually(() => {
    expect(seen.child.exitCode === null ? seen.err : text).toContain(text);
    return Promise.resolve();
  }, TIMEOUT_MS);

it(
  'the demo finds two identical sides, its shop goes on with --keep, and Ctrl-C leaves nothing behind',
  async () => {
    const before = await runs();
    const seen = demo('--seconds', '2', '--format', 'json', '--keep');
    try {
      await says(seen, 'The shop is open again');
      const result = JSON.parse(seen.out) as DemoResult;
      expect(result.identical).toBe(true);
      expect(result.collections.map(({ collection }) => collection)).toEqual(['customers', 'orders', 'products']);
      expect(result.written.deletes).toBeGreaterThan(0);
      for (const step of ['SIGKILL', 'paused', 'resumed', 'caught up']) expect(seen.err).toContain(step);
      expect(seen.err).toMatch(/a new order is at the destination after \d+ ms \(median of \d+ measured\)/);

      const uri = /mongosh "([^"]+)" {3}# and see it here/.exec(seen.err)?.[1];
      await using target = await new MongoClient(uri!).connect();
      const copied = result.collections.find(({ collection }) => collection === 'orders')!.destination;
      const orders = target.db('shop').collection('orders');
      await eventually(async () => expect(await orders.countDocuments()).toBeGreaterThan(copied), 60_000);

      seen.child.kill('SIGINT');
      expect({ status: (await seen.exited)[0], err: seen.err }).toEqual({
        status: 0,
        err: expect.stringContaining(ENDED) as string,
      });
      expect((await runs()).filter((run) => !before.includes(run))).toEqual([]);
    } finally {
      seen.child.kill('SIGKILL');
    }
  },
  TIMEOUT_MS,
);

it('Ctrl-C while its servers start ends the demo at once, with status 0 and nothing left behind', async () => {
  const before = await runs();
  const seen = demo();
  try {
    await eventually(() => {
      expect(seen.out).toContain('starting Temporal');
      return Promise.resolve();
    }, 60_000);
    seen.child.kill('SIGINT');
    expect((await seen.exited)[0]).toBe(0);
    expect(seen.out).not.toContain('filled the source');
    expect(seen.err).toContain(ENDED);
    expect((await runs()).filter((run) => !before.includes(run))).toEqual([]);
  } finally {
    seen.child.kill('SIGKILL');
  }
});
