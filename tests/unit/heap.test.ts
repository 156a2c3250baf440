import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { growthPercent } from '../../src/worker/heap';

const MB = 1024 * 1024;

/** Moves 2.4 GB through buffers beside a heap of 40 MB, as a worker does; prints how many full collections that took. */
const MOVE = `
const { constants, PerformanceObserver } = require('node:perf_hooks');
const { relaxHeap } = require('./src/worker/heap.ts');
const [relaxed] = process.argv.slice(1);
if (relaxed === 'relaxed') relaxHeap(8 * 1024 ** 3);
let full = 0;
const count = (list) => { for (const { detail } of list) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full += 1; };
const observer = new PerformanceObserver((list) => count(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });
const live = Array.from({ length: 400_000 }, (_, i) => ({ i, text: 'row' + i }));
const flight = [];
let moved = 0;
const move = () => {
  for (let i = 0; i < 20; i += 1) {
    flight.push(Buffer.alloc(300_000, 1));
    if (flight.length > 8) flight.shift();
    moved += 1;
  }
  if (moved < 8_000) return setImmediate(move);
  count(observer.takeRecords());
  console.log(full, live.length);
};
move();
`;

async function fullCollections(kind: 'relaxed' | 'usual'): Promise<number> {
  const args = ['--max-old-space-size=256', '-r', '@swc-node/register', '-e', MOVE, kind];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: join(__dirname, '../..') });
  return Number(stdout.split(' ')[0]);
}

describe('the heap of a worker', () => {
  it('grows further between two full collections while memory is far from its limit, and by itself near it', () => {
    expect(growthPercent(200 * MB, 512 * MB)).toBe(150);
    expect(growthPercent(400 * MB, 512 * MB)).toBe(0);
    expect(growthPercent(400 * MB, 1024 * MB)).toBe(150);
  });

  it('is collected less than half as often when buffers pass through', async () => {
    const [usual, relaxed] = [await fullCollections('usual'), await fullCollections('relaxed')];
    expect(usual).toBeGreaterThan(4);
    expect(relaxed).toBeLessThan(usual / 2);
  }, 60_000);
});
