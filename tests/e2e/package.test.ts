import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
const NAME = ['@tributary-cdc', 'tributary'] as const;

async function filesIn(directory: string): Promise<string[]> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

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
  expect(['src', 'tests', 'bench'].filter((name) => existsSync(installed(...NAME, name)))).toEqual([]);
});

test('it holds nothing of the machine that built it, and no map of sources that it does not hold', async () => {
  const files = await filesIn(installed(...NAME));
  expect(files.filter((file) => /\.map$|\.tsbuildinfo$|\.built$/.test(file))).toEqual([]);
  for (const file of files.filter((file) => /\.js$/.test(file))) {
    const text = await readFile(file, 'utf8');
    const [, map] = /^\/\/# sourceMappingURL=(.*)$/m.exec(text) ?? [];
    const decoded = Buffer.from(map?.split('base64,')[1] ?? '', 'base64').toString();
    if (map !== undefined) {
      const { sources, sourcesContent } = JSON.parse(decoded) as { sources: string[]; sourcesContent: unknown[] };
      expect(sourcesContent.filter((content) => typeof content === 'string')).toHaveLength(sources.length);
    }
    expect({ file, machine: text.includes(ROOT) || decoded.includes(ROOT) }).toEqual({ file, machine: false });
  }
});

const PROGRAM = `
import { Client, Connection } from '@temporalio/client';
import { ConfigError, parseConfig, startOptions, statusQuery, toSpec, WORKFLOW_TYPE, workflowId } from '@tributary-cdc/tributary';
import type { StreamSpec, StreamView } from '@tributary-cdc/tributary';

const side = (name: string) => ({ type: 'mongodb', connection_string: '\${env:' + name + '}' });
const text = (sourceType: string) => JSON.stringify({
  version: '1',
  streams: [{ id: 'orders', source: { ...side('A'), type: sourceType, database: 'shop' }, destination: side('B') }],
});
const spec: StreamSpec = toSpec(parseConfig(text('mongodb')), 'orders');

export async function start(address: string): Promise<StreamView> {
  const client = new Client({ connection: await Connection.connect({ address }) });
  await client.workflow.start(WORKFLOW_TYPE, startOptions(spec));
  return client.workflow.getHandle(workflowId(spec.stream.id)).query(statusQuery);
}

let refused = '';
try {
  parseConfig(text('mongodbb'));
} catch (error) {
  if (error instanceof ConfigError) refused = error.problems[0]?.path ?? '';
}
// @ts-expect-error a spec has no such field
void spec.stream.batchSize;
console.log(JSON.stringify([spec.stream.batch_size, startOptions(spec).workflowId, refused]));
`;

describe('what programs import', () => {
  test('a program passes the type check and runs', async () => {
    await writeFile(join(folder, 'program.mts'), PROGRAM);
    // The declarations of Temporal itself name a package without types.
    const options = ['--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--types', 'node'];
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const compiled = run(process.execPath, [tsc, ...options, 'program.mts'], { cwd: folder });
    await compiled.catch((error: unknown) => {
      throw new Error((error as { stdout: string }).stdout);
    });
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([1000, 'tributary/orders', 'streams[0].source.type']);
    const asCommonJs = ['-p', "require('@tributary-cdc/tributary').WORKFLOW_TYPE"];
    expect((await run(process.execPath, asCommonJs, { cwd: folder })).stdout).toBe('replicationStream\n');
  });

  test('the JSON Schema for editors has an address; the inside has none', async () => {
    const script = (id: string) => ['-p', `require.resolve(${JSON.stringify(id)})`];
    const { stdout } = await run(process.execPath, script('@tributary-cdc/tributary/schema.json'), { cwd: folder });
    expect(stdout.trim()).toBe(installed(...NAME, 'docs', 'tributary.schema.json'));
    const inside = run(process.execPath, script('@tributary-cdc/tributary/dist/worker/run.js'), { cwd: folder });
    await expect(inside).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});

test('its worker starts from there with the workflow code that was built ahead of time, and drains', async () => {
  const { address, namespace } = sharedTemporal();
  const worker = spawn(process.execPath, [installed(...NAME, 'dist', 'worker.js')], {
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
