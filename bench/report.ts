import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';
import type { Lag } from './lag';
import { median, spread } from './statistics';
import type { Throughput } from './throughput';

export interface Figures {
  readonly name: string;
  readonly throughput: readonly Throughput[];
  readonly lag: readonly Lag[];
  readonly peakBytes: number;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const hundredths = (value: number): string => value.toFixed(2);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** One column a contender, one row a figure: median and range. */
function rows(figures: readonly Figures[]): string[][] {
  const row = (name: string, cell: (f: Figures) => string): string[] => [name, ...figures.map(cell)];
  return [
    row('events per second', (f) =>
      spread(
        f.throughput.map((t) => t.eventsPerSecond),
        whole,
      ),
    ),
    row('CPU seconds per 10,000 events', (f) =>
      spread(
        f.throughput.map((t) => t.cpuSecondsPer10k),
        hundredths,
      ),
    ),
    row('lag p50 at 500 writes/s', (f) =>
      spread(
        f.lag.map((l) => l.p50),
        ms,
      ),
    ),
    row('lag p99 at 500 writes/s', (f) =>
      spread(
        f.lag.map((l) => l.p99),
        ms,
      ),
    ),
    row('peak memory', (f) => `${whole(f.peakBytes / 1e6)} MB`),
  ];
}

/** Ours over the bare loop's, from the medians of one run. */
export function ratio([ours, bare]: readonly Figures[]): number {
  const rate = (f: Figures | undefined): number => median((f?.throughput ?? []).map((t) => t.eventsPerSecond));
  return rate(ours) / rate(bare);
}

export function print(figures: readonly Figures[]): void {
  const table = new Table({ head: ['', ...figures.map((f) => f.name)], style: { head: [], border: [] } });
  table.push(...rows(figures));
  console.log(table.toString());
  console.log(`throughput, tributary / bare loop: ${ratio(figures).toFixed(2)}`);
}

export function writePage(
  file: string,
  figures: readonly Figures[],
  command: string,
  conditions: readonly string[],
): void {
  const heads = ['', ...figures.map((f) => f.name)];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  writeFileSync(
    file,
    [
      '# Benchmarks',
      '',
      'Written by the benchmark itself; repeat it with',
      '',
      '```sh',
      command,
      '```',
      '',
      'The bare driver loop is what a careful engineer writes in an hour: a decoded change stream with `updateLookup`,',
      'batches of 1,000, four unordered bulks by key, majority writes. It has no resume, no ledger and no checks.',
      'Both run as one process each against the same servers in the same run, in turns; figures are the median and, in',
      'brackets, the range. Throughput: a backlog written beforehand, from its first to its last change at the target.',
      'Lag: from the call of the write to its event in a change stream of the target.',
      '',
      line(heads),
      line(heads.map(() => '---')),
      ...rows(figures).map(line),
      '',
      `Throughput, tributary / bare loop: **${ratio(figures).toFixed(2)}**`,
      '',
      'Conditions:',
      '',
      ...[
        ...conditions,
        `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}; the cores are shared by load, servers and contender`,
      ].map((condition) => `- ${condition}`),
      '',
    ].join('\n'),
  );
}
