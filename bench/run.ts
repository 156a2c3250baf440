/** `npm run bench -- [suite…]`; `--help` lists the suites and the options. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { Scope } from './lab/scope';
import { Servers } from './lab/servers';
import { BENCH_HOME, conditionsOf, Sizes, SMOKE, variantAtHand, type Options } from './options';
import { writePage } from './report/page';
import { keepResult, readResults } from './report/results';
import { tableOf } from './report/terminal';
import type { Suite } from './suite';
import { SUITES, suiteList, suitesNamed } from './suites';

interface Flags extends Options {
  readonly smoke: boolean;
  readonly render: boolean;
}

const REPETITIONS = 3;
const VARIANT = 'fast';
/** Not in the repository: the page is. */
const RESULTS = join(BENCH_HOME, 'results.json');

const say = (line: string): void => console.log(line);

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('expected a number above 0');
  return value;
}

const program = new Command('bench')
  .description('The figures of docs/benchmarks.md, measured again on servers that are started here.')
  .argument('[suites...]', 'all of them when left out')
  .option('--scale <factor>', 'sizes and times: 0.1 is a tenth of each', positive, 1)
  .option('--repetitions <n>', 'rounds after the warm-up', positive, REPETITIONS)
  .addOption(
    new Option('--variant <server>', 'which MongoDB-compatible server').choices(['default', 'fast']).default(VARIANT),
  )
  .option('--shared', 'one set of servers and one worker for all suites: quicker, less exact', false)
  .option('--results <file>', 'where the last result of each suite is kept')
  .option('--no-write', 'print only: keep no results, leave docs/benchmarks.md and docs/charts as they are')
  .option('--render', 'measure nothing, write the page from the results that are kept', false)
  .option('--profile <directory>', 'write CPU profiles of workers there')
  .option('--smoke', 'everything as small as it gets, to see that it runs', false)
  .addHelpText('after', `\nSuites:\n${suiteList()}\n`);

async function main(): Promise<void> {
  program.parse();
  const flags = program.opts<Flags>();
  const asked: Options = flags.smoke ? { ...flags, ...SMOKE, variant: await variantAtHand() } : flags;
  const options = { ...asked, results: asked.results ?? (asked.write ? RESULTS : undefined) };
  if (flags.render) {
    await writePage(SUITES, await readResults(flags.results ?? RESULTS));
    return;
  }
  const suites = suitesNamed(program.args);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort()).once('SIGTERM', () => interrupted.abort());
  await runAll(suites, options, interrupted.signal);
  // What an interrupted suite still waits for would keep the process; everything that it started has ended by now.
  if (interrupted.signal.aborted) process.kill(process.pid, 'SIGINT');
  else if (options.write && options.results) await writePage(SUITES, await readResults(options.results));
}

async function runAll(suites: readonly Suite[], options: Options, signal: AbortSignal): Promise<void> {
  await using servers = new Lending(options);
  for (const suite of suites) {
    if (signal.aborted) break;
    await runSuite(suite, options, servers, signal);
  }
}

async function runSuite(suite: Suite, options: Options, lending: Lending, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  say(`${suite.name}: ${suite.about}`);
  const servers = await lending.take(suite);
  const scope = new Scope(servers, suite.name, options, say, signal);
  const running = suite.run(scope, new Sizes(options));
  // After an interruption it fails because everything below it ends: that failure is not reported.
  running.catch(() => undefined);
  try {
    const outcome = await Promise.race([running, aborted(signal)]);
    if (outcome === undefined) return;
    const { provider } = servers;
    const result = {
      ...outcome,
      suite: suite.name,
      command: commandOf(suite, options),
      conditions: conditionsOf(options, provider),
    };
    if (options.results) await keepResult(options.results, result);
    say(`${tableOf(result)}\n${suite.name} took ${Math.round((performance.now() - started) / 1000)} s\n`);
  } finally {
    await scope[Symbol.asyncDispose]();
    await lending.giveBack(servers);
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  setMaxListeners(SUITES.length * 2, signal);
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

/** What repeats one suite as it was run: the options that a figure depends on. */
const commandOf = ({ name, once }: Suite, { scale, repetitions, variant, shared }: Options): string =>
  [
    `npm run bench -- ${name}`,
    ...(scale === 1 ? [] : [`--scale ${scale}`]),
    ...(once || repetitions === REPETITIONS ? [] : [`--repetitions ${repetitions}`]),
    ...(variant === VARIANT ? [] : [`--variant ${variant}`]),
    ...(shared ? ['--shared'] : []),
  ].join(' ');

/** New servers for each suite, so that none is slowed down by what another one wrote; or the same ones for all. */
class Lending implements AsyncDisposable {
  readonly #options: Options;
  #kept: Servers | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  async take({ history }: Suite): Promise<Servers> {
    return (this.#kept ??= await Servers.start(this.#options.variant, say, history));
  }

  async giveBack(servers: Servers): Promise<void> {
    if (this.#options.shared) return;
    this.#kept = undefined;
    await servers[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept?.[Symbol.asyncDispose]();
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
