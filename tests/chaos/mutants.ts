/**
 * `npm run test:mutants -- [--only a,b] [--rounds 20] [--seed S] [--parallel P] [--variant fast|python]`
 *
 * Takes one guard away at a time, in a copy of the source, and lets the suite find out.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { FAULT_KINDS, generate } from './generate';
import { MUTATIONS, type Mutation } from './mutations';
import { lineOf } from './report';
import { endWorkersWithProcess } from '../support/worker-process';
import { playAll } from './session';

interface Options {
  readonly only?: string;
  readonly rounds: string;
  readonly seed: string;
  readonly parallel: string;
  readonly variant: 'fast' | 'python';
  readonly faults?: string;
}

const ROOT = resolve(__dirname, '..', '..');
const COPIED = ['src', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];

const say = (line: string): void => console.log(line);

/** The build of a copy of the source without the guard. */
function build({ name, patches }: Mutation): string {
  const home = join(ROOT, '.tributary', 'mutants', name);
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  for (const path of COPIED) cpSync(join(ROOT, path), join(home, path), { recursive: true });
  for (const { file, find, replace } of patches) {
    const path = join(home, file);
    const text = readFileSync(path, 'utf8');
    const found = text.split(find).length - 1;
    if (found !== 1) throw new Error(`${name}: ${file} has ${found} times what the patch replaces:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  const { status } = spawnSync(process.execPath, [join(home, 'scripts', 'build.mjs')], { cwd: home, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${name}: the copy cannot be built`);
  return join(home, 'dist');
}

/** The seed that found the missing guard. */
async function caughtBy(mutation: Mutation, options: Options): Promise<number | undefined> {
  process.env['TRIBUTARY_TEST_DIST'] = build(mutation);
  const first = Number(options.seed);
  let next = first;
  const faults: readonly string[] = options.faults?.split(',') ?? mutation.faults ?? FAULT_KINDS;
  const kinds = FAULT_KINDS.filter((kind) => faults.includes(kind));
  const outcomes = await playAll(
    () => (next < first + Number(options.rounds) ? generate(next++, { kinds }) : undefined),
    {
      variant: options.variant === 'fast' ? 'fast' : 'default',
      parallel: Number(options.parallel),
      home: join(ROOT, '.tributary', 'mutants', mutation.name, 'chaos'),
      report: () => undefined,
      bail: true,
      ended: (outcome) => say(lineOf(outcome)),
    },
  );
  return outcomes.find(({ result }) => result === 'failed')?.plan.seed;
}

async function main(): Promise<void> {
  const options = new Command('test:mutants')
    .option('--only <names>', `some of ${MUTATIONS.map(({ name }) => name).join(', ')}`)
    .option('--rounds <n>', 'within which each has to be caught', '20')
    .option('--seed <s>', 'the first seed', '1')
    .option('--faults <kinds>', 'only these, with commas between them, instead of those of each')
    .option('--parallel <p>', 'rounds at a time', '1')
    .addOption(new Option('--variant <name>', 'which embedded server').choices(['fast', 'python']).default('python'))
    .parse()
    .opts<Options>();
  const wanted = options.only?.split(',');
  const lines: string[] = [];
  for (const mutation of MUTATIONS.filter(({ name }) => wanted?.includes(name) ?? true)) {
    say(`\n${mutation.name}: ${mutation.without}`);
    const seed = await caughtBy(mutation, options);
    if (seed === undefined) process.exitCode = 1;
    lines.push(`${mutation.name}: ${seed === undefined ? 'NOT CAUGHT' : `caught by seed ${seed}`}`);
  }
  say(`\n${lines.join('\n')}`);
}

endWorkersWithProcess();

// Not left to the event loop: see run.ts.
void main()
  .catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => process.exit());
