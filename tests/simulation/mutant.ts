import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MUTATIONS, type Mutation } from './mutations';

const ROOT = resolve(__dirname, '..', '..');
const COPIED = ['src/core', 'tests/simulation', 'tests/chaos/random.ts', 'tests/support/changes.ts', 'tsconfig.json'];

/** A copy of the core, and of the simulation, without the guard. */
function copyOf({ name, patches }: Mutation): string {
  const home = join(ROOT, '.tributary', 'simulation', name);
  rmSync(home, { recursive: true, force: true });
  for (const path of COPIED) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    cpSync(join(ROOT, path), join(home, path), { recursive: true });
  }
  for (const { file, find, replace } of patches) {
    const path = join(home, file);
    const text = readFileSync(path, 'utf8');
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${name}: ${file} has ${times} times what the patch replaces:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  return home;
}

/** The command with these arguments, over a mutant. */
export function playMutant(name: string, args: readonly string[], quiet = false) {
  const mutation = MUTATIONS.find((each) => each.name === name);
  if (mutation === undefined) throw new RangeError(`there is no mutant ${name}`);
  const home = copyOf(mutation);
  const at = args.findIndex((arg) => arg.startsWith('--mutant'));
  const rest =
    at < 0 ? args : args.filter((arg, index) => index !== at && !(index === at + 1 && !args[at]?.includes('=')));
  const { status, stdout } = spawnSync(
    process.execPath,
    ['-r', '@swc-node/register', join(home, 'tests', 'simulation', 'run.ts'), ...rest],
    {
      cwd: home,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'ignore' : 'inherit'],
      env: { ...process.env, SIMULATED_MUTANT: name },
      encoding: 'utf8',
    },
  );
  return { status: status ?? 1, said: quiet ? stdout : '' };
}
