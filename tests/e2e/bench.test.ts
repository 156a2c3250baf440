import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from '../../bench/report/results';
import { SUITES } from '../../bench/suites';

const ROOT = join(__dirname, '..', '..');
/** What the embedded default server gets through in a minute or two; `npm run bench:smoke` runs them all. */
const GLIMPSED = ['steady', 'copy', 'large', 'many'];
/** A machine that does other work at the same time is no reason to fail: no time is asserted here. */
const PATIENCE_MS = 15 * 60_000;

async function bench(...args: string[]): Promise<{ status: unknown; output: string }> {
  const child = spawn(process.execPath, ['-r', '@swc-node/register', join('bench', 'run.ts'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [status] = (await once(child, 'close')) as unknown[];
  return { status, output: Buffer.concat(chunks).toString() };
}

describe('the benchmark', () => {
  it(
    'runs, and its figures are numbers',
    async () => {
      const directory = await mkdtemp(join(tmpdir(), 'bench-'));
      try {
        const file = join(directory, 'results.json');
        const { status, output } = await bench(...GLIMPSED, '--smoke', '--results', file);
        expect(status === 0 ? '' : output).toBe('');
        const results = JSON.parse(await readFile(file, 'utf8')) as Results;
        expect(Object.keys(results)).toEqual(GLIMPSED);
        for (const { suite, figures, charts = [] } of Object.values(results)) {
          // What is not a number is `null` in JSON.
          const wrong = figures.filter(({ values }) => values.length === 0 || !values.every(Number.isFinite));
          expect({ suite, wrong }).toEqual({ suite, wrong: [] });
          expect(figures.length).toBeGreaterThan(0);
          for (const { lines } of charts) expect(lines.every(({ points }) => points.length > 0)).toBe(true);
        }
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    },
    PATIENCE_MS,
  );

  it('lists its suites and refuses unknown ones', async () => {
    const { output } = await bench('--help');
    for (const { name, about } of SUITES) expect(output).toContain(`${name.padEnd(14)} ${about}`);
    const unknown = await bench('no-such-suite');
    expect(unknown.status).toBe(1);
    expect(unknown.output).toContain('there is no suite "no-such-suite"');
  });
});
