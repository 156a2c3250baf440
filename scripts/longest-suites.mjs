// From jest's results: the longest suites as a table; with --write, also the order in which the next run starts them.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const SHOWN = 15;
const LONG_SECONDS = 5;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [results = join(root, '.cache', 'jest-results.json')] = process.argv
  .slice(2)
  .filter((each) => each !== '--write');
const suites = JSON.parse(readFileSync(results, 'utf8'))
  .testResults.map(({ name, startTime, endTime }) => [relative(root, name), (endTime - startTime) / 1000])
  .sort(([, a], [, b]) => b - a);

const line = (seconds, what) => console.log(`${seconds.toFixed(1).padStart(8)}  ${what}`);
console.log('== longest suites, in seconds');
for (const [file, seconds] of suites.slice(0, SHOWN)) line(seconds, file);
line(
  suites.reduce((sum, [, seconds]) => sum + seconds, 0),
  `all ${suites.length} suites, one after the other`,
);

if (process.argv.includes('--write')) {
  const long = suites
    .filter(([, seconds]) => seconds >= LONG_SECONDS)
    .map(([file, seconds]) => [file, Math.round(seconds)]);
  writeFileSync(
    join(root, 'tests', 'support', 'durations.json'),
    `${JSON.stringify(Object.fromEntries(long), null, 2)}\n`,
  );
}
