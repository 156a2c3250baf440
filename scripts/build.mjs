// Compiles src/ to dist/ and bundles the workflow code ahead of time, so that a worker starts in about a second.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(join(root, 'package.json'));

if (!existsSync(join(root, 'dist'))) rmSync(join(root, '.cache', 'build.tsbuildinfo'), { force: true });
const tsc = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: ['ignore', 2, 2],
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

// What was built from a file that is gone, or with other options, must not be packed.
for (const path of readdirSync(join(root, 'dist'), { recursive: true })) {
  const source = path.replace(/(\.d\.ts|\.js)$/, '');
  if (source !== path && existsSync(join(root, 'src', `${source}.ts`))) continue;
  if (!existsSync(join(root, 'src', path))) rmSync(join(root, 'dist', path), { recursive: true, force: true });
}

const { bundleWorkflowCode } = require('@temporalio/worker');
const quiet = { trace() {}, debug() {}, info() {}, warn: console.error, error: console.error, log() {} };
const { code } = await bundleWorkflowCode({
  workflowsPath: join(root, 'dist', 'workflows', 'index.js'),
  logger: quiet,
});
// The worker needs the map inside the bundle for its stack traces. Its paths are those of this machine.
const marker = 'sourceMappingURL=data:application/json;charset=utf-8;base64,';
if (!code.includes(marker)) throw new Error('the bundle of the workflow code ends in another kind of source map');
const at = code.lastIndexOf(marker) + marker.length;
const map = Buffer.from(code.slice(at), 'base64').toString().replaceAll(`${root}/`, '');
writeFileSync(join(root, 'dist', 'workflow-bundle.js'), code.slice(0, at) + Buffer.from(map).toString('base64'));
for (const bin of ['starter.js', 'worker.js']) chmodSync(join(root, 'dist', bin), 0o755);
writeFileSync(join(root, 'dist', '.built'), '');
