import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DemoResult } from '../../src/cli/demo/demo';

const root = resolve(__dirname, '..', '..');
const RUNS = resolve(process.env['TRIBUTARY_HOME'] ?? join(root, '.tributary'), 'demo');
const TIMEOUT_MS = 400_000;

const runs = async (): Promise<string[]> => (existsSync(RUNS) ? readdir(RUNS) : []);

it(
  'the demo ends with two identical sides and leaves nothing behind',
  async () => {
    const before = await runs();
    const { status, out, err } = await new Promise<{ status: number; out: string; err: string }>((done) => {
      const argv = [join(root, 'dist', 'starter.js'), 'demo', '--seconds', '5', '--format', 'json'];
      execFile(process.execPath, argv, { cwd: root }, (error, out, err) => {
        done({ status: error === null ? 0 : Number(error.code), out, err });
      });
    });
    expect({ status, story: status === 0 ? '' : err }).toEqual({ status: 0, story: '' });
    const result = JSON.parse(out) as DemoResult;
    expect(result.identical).toBe(true);
    expect(result.collections.map(({ collection }) => collection)).toEqual(['customers', 'orders', 'products']);
    expect(result.written.deletes).toBeGreaterThan(0);
    for (const step of ['SIGKILL', 'paused', 'resumed', 'caught up']) expect(err).toContain(step);
    expect((await runs()).filter((run) => !before.includes(run))).toEqual([]);
  },
  TIMEOUT_MS,
);
