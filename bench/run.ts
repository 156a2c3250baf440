/** `npm run bench -- [--changes N] [--repetitions N] [--lag-seconds N] [--variant default|fast] [--no-write]` */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { MongoClient } from 'mongodb';
import { startMongo } from '../src/services/mongo';
import { startTemporal } from '../src/services/temporal';
import { SEARCH_ATTRIBUTES } from '../src/workflows/names';
import { bareLoop } from './bare';
import type { Contender } from './contender';
import { measureLag, type Lag } from './lag';
import { processStats } from './process-stats';
import { print, writePage, type Figures } from './report';
import { measureThroughput, type Throughput } from './throughput';
import { tributary } from './tributary';

interface Options {
  readonly changes: number;
  readonly repetitions: number;
  readonly lagSeconds: number;
  readonly lagRate: number;
  readonly variant: 'default' | 'fast';
  readonly write: boolean;
  readonly profile?: string;
}

const number = (text: string): number => Number(text);
const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const program = new Command('bench')
    .description('Throughput and lag of a stream against a bare driver loop, on the same servers in the same run.')
    .option('--changes <n>', 'changes per repetition', number, 50_000)
    .option('--repetitions <n>', 'repetitions of each measurement', number, 3)
    .option('--lag-seconds <n>', 'seconds of steady writes', number, 10)
    .option('--lag-rate <n>', 'steady writes per second', number, 500)
    .addOption(new Option('--variant <name>', 'which embedded server').choices(['default', 'fast']).default('fast'))
    .option('--profile <directory>', 'write a CPU profile of the worker there')
    .option('--no-write', 'print only; leave docs/benchmarks.md as it is')
    .parse();
  const options = program.opts<Options>();

  const mongo = { variant: options.variant, oplogMaxEntries: 5_000_000, oplogRetentionSeconds: 86_400, own: true };
  const searchAttributes = Object.fromEntries(
    Object.values(SEARCH_ATTRIBUTES).map((name) => [name, 'Keyword' as const]),
  );
  await using source = await startMongo(mongo, say);
  await using target = await startMongo(mongo, say);
  await using temporal = await startTemporal({ searchAttributes, ui: false, own: true }, say);
  const from = new MongoClient(source.uri);
  const into = new MongoClient(target.uri);
  const uris = { source: source.uri, target: target.uri };
  mkdirSync('.tributary', { recursive: true });
  const logFile = join('.tributary', 'bench-worker.log');
  try {
    await using ours = await tributary(from, into, {
      ...uris,
      temporal: temporal.address,
      logFile,
      ...(options.profile !== undefined && { profile: options.profile }),
    });
    await using bare = bareLoop(from, into, uris);
    const figures = await measure([ours, bare], options);
    print(figures);
    const command = ['npm run bench', ...process.argv.slice(2)].join(' ').replace('bench --', 'bench -- --');
    if (options.write) writePage(join('docs', 'benchmarks.md'), figures, command, conditions(options, source.provider));
  } finally {
    await from.close();
    await into.close();
  }
}

async function measure(contenders: readonly Contender[], options: Options): Promise<Figures[]> {
  const results = contenders.map((contender) => ({
    contender,
    throughput: [] as Throughput[],
    lag: [] as Lag[],
    peakBytes: 0,
  }));
  let from = 0;
  for (let round = 0; round <= options.repetitions; round += 1) {
    for (const result of results) {
      const { contender } = result;
      const warmUp = round === 0;
      const changes = warmUp ? Math.min(10_000, options.changes) : options.changes;
      const throughput = await measureThroughput(contender, changes, (from += options.changes));
      if (!warmUp) {
        result.throughput.push(throughput);
        result.lag.push(await measureLag(contender, options.lagRate, options.lagSeconds, `r${round}`));
      }
      result.peakBytes = Math.max(result.peakBytes, processStats(contender.pid).peakBytes);
      say(
        `${warmUp ? 'warm-up' : `round ${round}`}: ${contender.name}: ${Math.round(throughput.eventsPerSecond)} events/s`,
      );
      // The other one is measured alone.
      await contender.hold();
    }
  }
  return results.map(({ contender, throughput, lag, peakBytes }) => ({
    name: contender.name,
    throughput,
    lag,
    peakBytes,
  }));
}

const conditions = (options: Options, provider: string): string[] => [
  `${options.changes.toLocaleString('en')} changes per repetition, ${options.repetitions} repetitions after a warm-up; 70 % inserts, 25 % updates, 5 % deletes of 300-byte documents`,
  `source and target: ${provider}`,
];

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
