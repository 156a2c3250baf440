// Compiles src/ to dist/ and bundles the workflow code ahead of time, so that a worker starts in about a second.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
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

const { bundleWorkflowCode } = require('@temporalio/worker');
const quiet = { trace() {}, debug() {}, info() {}, warn: console.error, error: console.error, log() {} };
const { code } = await bundleWorkflowCode({
  workflowsPath: join(root, 'dist', 'workflows', 'index.js'),
  logger: quiet,
});
writeFileSync(join(root, 'dist', 'workflow-bundle.js'), code);
for (const bin of ['starter.js', 'worker.js']) chmodSync(join(root, 'dist', bin), 0o755);
writeFileSync(join(root, 'dist', '.built'), '');
