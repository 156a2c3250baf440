// Starts the longest suites first, so that no core waits for one of them in the end.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import TestSequencer from '@jest/test-sequencer';

/** Seconds of each longer suite, as `node scripts/longest-suites.mjs --write` has found them. */
const SECONDS = JSON.parse(readFileSync(new URL('durations.json', import.meta.url), 'utf8'));
/** Suites that start no servers take about this long; others that are not known run first, because they may take long. */
const QUICK = /^tests\/(unit|replay)\//;

export default class LongestFirst extends TestSequencer {
  /** In milliseconds. What this machine has measured itself counts before what was measured elsewhere. */
  time(test) {
    const file = relative(test.context.config.rootDir, test.path).replaceAll('\\', '/');
    const seconds = SECONDS[file] ?? (QUICK.test(file) ? 1 : undefined);
    return super.time(test) ?? (seconds === undefined ? undefined : seconds * 1000);
  }
}
