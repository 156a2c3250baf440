/** `npm run simulate:mutants -- [--only a,b] [--rounds N] [--seed S]`: takes one guard away at a time, and lets the simulation find out. */
import { Command } from 'commander';
import { MUTATIONS } from './mutations';
import { playMutant } from './mutant';

interface Options {
  readonly only?: string;
  readonly rounds: string;
  readonly seed: string;
}

const options = new Command('simulate:mutants')
  .option('--only <names>', `some of ${MUTATIONS.map(({ name }) => name).join(', ')}`)
  .option('--rounds <n>', 'within which each has to be caught', '10000')
  .option('--seed <s>', 'the first seed', '1')
  .parse()
  .opts<Options>();
const wanted = options.only?.split(',');
for (const { name, without } of MUTATIONS.filter((each) => wanted?.includes(each.name) ?? true)) {
  const args = ['--bail', '--no-shrink', '--rounds', options.rounds, '--seed', options.seed];
  const { status, said } = playMutant(name, args, true);
  const [found = ''] = /^seed \d+: .*$/mu.exec(said) ?? [];
  const isCaught = status !== 0 && found !== '';
  if (!isCaught) process.exitCode = 1;
  const round = Number(/\d+/u.exec(found)?.[0] ?? 0) - Number(options.seed) + 1;
  console.log(`${name} (${without}): ${isCaught ? `round ${round}, ${found}` : 'NOT CAUGHT'}`);
}
