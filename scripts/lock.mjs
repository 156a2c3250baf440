// Writes package-lock.json anew, complete for every platform and without download addresses: those are each machine's own.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
// In an empty folder: beside installed packages npm leaves out those of other platforms.
const scratch = mkdtempSync(join(tmpdir(), 'lock-'));
copyFileSync(join(root, 'package.json'), join(scratch, 'package.json'));
const npm = ['install', '--package-lock-only', '--ignore-scripts', '--omit-lockfile-registry-resolved=false'];
const { status } = spawnSync('npm', npm, { cwd: scratch, stdio: ['ignore', 'ignore', 'inherit'] });
if (status !== 0) process.exit(status ?? 1);
const lock = JSON.parse(readFileSync(join(scratch, 'package-lock.json'), 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.resolved;

// A registry may not carry what is for other platforms. npm then leaves it out, and `npm ci` refuses the file.
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const words = name.split(/[-/]/);
    const os = words.find((word) => systems.includes(word));
    if (os === undefined || lock.packages[`node_modules/${name}`] !== undefined) continue;
    const cpu = words[words.indexOf(os) + 1];
    lock.packages[`node_modules/${name}`] = { version, cpu: [cpu], ...(dev && { dev }), optional: true, os: [os] };
  }
}
writeFileSync(join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
rmSync(scratch, { recursive: true, force: true });
