import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, type Conditions } from '../options';
import type { Suite } from '../suite';
import { gridOf } from './format';
import type { Result, Results } from './results';
import { svgOf } from './svg';

const PAGE = join(ROOT, 'docs', 'benchmarks.md');
const CHARTS = join(ROOT, 'docs', 'charts');

const INTRODUCTION = `# Benchmarks

Written by the benchmark itself, from the last result of each suite. Repeat all of it, or one suite, with

\`\`\`sh
npm run bench
npm run bench -- steady lag
npm run bench -- --help      # suites, sizes, servers
\`\`\`

Load, servers, Temporal, contender and product share the cores of one machine. Contenders run as one process each against
the same servers in the same run, in turns, after a warm-up; figures are the median and, in brackets, the range over the
repetitions. The product runs as people run it: a worker process, at default settings, every guarantee on.

The **bare driver loop** is what a careful engineer writes in an hour: a decoded change stream with \`updateLookup\`,
batches of 1,000, four unordered bulks by key, the next batch read while one is written, majority writes. It has no resume, no ledger
and no checks. The **bare copy loop** copies four ranges at a time with rows that stay encoded, the next batch read while one
is inserted. \`ratio\` is the product over the bare contender, from the medians of one run; \`aim\` is what the project wants to
reach, and nothing fails when it does not.
`;

/** Writes the page and its charts; a suite without a result keeps the section that it has in the page. */
export async function writePage(suites: readonly Suite[], results: Results): Promise<void> {
  const before = sectionsOf(await readFile(PAGE, 'utf8').catch(() => ''));
  const sections: string[] = [];
  await mkdir(CHARTS, { recursive: true });
  for (const suite of suites) {
    const result = results[suite.name];
    if (result === undefined) {
      sections.push(before.get(suite.name) ?? `## ${suite.name}\n\n${suite.method}\n\nNot measured yet.\n`);
      continue;
    }
    for (const chart of result.charts ?? []) await writeFile(join(CHARTS, `${chart.name}.svg`), svgOf(chart));
    sections.push(sectionOf(suite, result));
  }
  await writeFile(PAGE, [INTRODUCTION, ...sections].join('\n'));
}

/** The texts of `## name` sections, by name. */
function sectionsOf(page: string): Map<string, string> {
  const parts = page.split(/^(?=## )/m).slice(1);
  return new Map(parts.map((part) => [part.slice(3, part.indexOf('\n')), `${part.trimEnd()}\n`]));
}

function sectionOf(suite: Suite, result: Result): string {
  const { head, rows } = gridOf(result);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `## ${suite.name}`,
    '',
    [suite.method, ...(suite.once ? ['Runs once.'] : [])].join(' '),
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    '',
    ...(result.charts ?? []).flatMap(({ name, title }) => [`![${title}](charts/${name}.svg)`, '']),
    [`\`${result.command}\``, ...(result.notes ?? []), conditionsText(result.conditions, suite)].join('; '),
    '',
  ].join('\n');
}

const conditionsText = (conditions: Conditions, { once }: Suite): string =>
  [
    `Tributary ${conditions.version}`,
    `${conditions.cores} cores`,
    `${conditions.memoryGiB} GiB`,
    `Node ${conditions.node}`,
    `servers: ${conditions.server}`,
    ...(once ? [] : [`${conditions.repetitions} repetitions`]),
    ...(conditions.scale === 1 ? [] : [`scale ${conditions.scale}`]),
  ].join(', ');
