import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { sharedTemporal, uniqueName } from '../support/servers';

const run = promisify(execFile);
const ROOT = join(__dirname, '../..');
let folder: string;

/** What `npm publish` would send, installed where nothing else is. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-package-'));
  await run(process.execPath, [join(ROOT, 'scripts/ensure-build.mjs')]);
  const packed = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  await run('npm', ['init', '-y'], { cwd: folder });
  await run('npm', ['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', join(folder, filename)], {
    cwd: folder,
  });
}, 240_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

const installed = (...path: string[]): string => join(folder, 'node_modules', ...path);

test('the command works from an empty folder', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const { stdout } = await run(installed('.bin', 'tributary'), ['--version'], { cwd: folder });
  expect(stdout.trim()).toBe(version);
});

test('only what it needs is installed', () => {
  const surplus = [
    'typescript',
    'jest',
    'eslint',
    'prettier',
    'testcontainers',
    'kubernetes-models',
    '@temporalio/testing',
  ];
  expect(surplus.filter((name) => existsSync(installed(name)))).toEqual([]);
  expect(['src', 'tests', 'bench'].filter((name) => existsSync(installed('tributary', name)))).toEqual([]);
});

test('its worker starts from there with the workflow code that was built ahead of time, and drains', async () => {
  const { address, namespace } = sharedTemporal();
  const worker = spawn(process.execPath, [installed('tributary', 'dist', 'worker.js')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TRIBUTARY_TASK_QUEUE: uniqueName('queue'),
      TRIBUTARY_HTTP_HOST: '127.0.0.1',
      TRIBUTARY_HEALTH_PORT: '0',
      TRIBUTARY_METRICS_PORT: '0',
    },
  });
  const exited = once(worker, 'exit');
  const events: string[] = [];
  for await (const line of createInterface({ input: worker.stdout })) {
    const { event, message } = JSON.parse(line) as { event: string; message?: string };
    events.push(message ?? event);
    if (event === 'worker.ready') worker.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
  expect(events).toEqual(expect.arrayContaining(['worker.ready', 'worker.draining', 'worker.drained']));
  expect(events.filter((text) => /bundle/i.test(text))).toEqual([]);
});
