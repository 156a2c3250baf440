// Builds when src/ is newer than the last build; does nothing (and costs milliseconds) otherwise.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'dist', '.built');
const newest = (path) =>
  statSync(path).isDirectory()
    ? Math.max(statSync(path).mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))))
    : statSync(path).mtimeMs;

const inputs = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
const changed = !existsSync(stamp) || inputs.some((input) => newest(join(root, input)) > statSync(stamp).mtimeMs);
if (changed) {
  process.stderr.write('building… ');
  const started = Date.now();
  await import('./build.mjs');
  process.stderr.write(`done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}
