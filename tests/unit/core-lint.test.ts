import { lint } from '../support/lint';

/** Time, chance and streams that are not the core's own, each in the ways in which they are written. */
const FORBIDDEN = [
  'export const at = Date.now();',
  'const { now } = Date;\nexport const at = now();',
  'export const at = new Date();',
  'export const at = Date();',
  'export const at = performance.now();',
  "import { performance } from 'node:perf_hooks';\nexport const at = performance.now();",
  'export const at = process.hrtime();',
  "import { hrtime } from 'node:process';\nexport const at = hrtime();",
  'setTimeout(() => undefined, 1);',
  'setInterval(() => undefined, 1);',
  'setImmediate(() => undefined);',
  'globalThis.setTimeout(() => undefined, 1);',
  'global.setTimeout(() => undefined, 1);',
  "import { setTimeout as wait } from 'node:timers';\nwait(() => undefined, 1);",
  "import { setTimeout as wait } from 'node:timers/promises';\nawait wait(1);",
  "import { setTimeout as wait } from 'timers/promises';\nawait wait(1);",
  'export const signal = AbortSignal.timeout(1);',
  'export const chance = Math.random();',
  'const { random } = Math;\nexport const chance = random();',
  'export const id = crypto.randomUUID();',
  "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();",
  "import { randomBytes } from 'node:crypto';\nexport const id = randomBytes(8);",
  "import crypto from 'node:crypto';\nexport const id = crypto.randomInt(8);",
  "import { Readable } from 'node:stream';\nexport const stream = Readable.from([]);",
  "import { pipeline } from 'node:stream/promises';\nexport const run = pipeline;",
  "import { once } from 'node:events';\nexport const wait = once;",
  "import { systemClock } from '../host/clock';\nexport const at = systemClock.now();",
];

const ALLOWED = [
  'export const at = new Date(0);',
  "import { setMaxListeners } from 'node:events';\nexport const listeners = setMaxListeners;",
  "import { createHash } from 'node:crypto';\nexport const hash = createHash('sha256');",
  "import type { Clock } from './clock';\nexport const at = (clock: Clock): number => clock.now();",
];

test('the core takes no time, no chance and no stream but by its ports; a connector may', () => {
  const inCore = [...FORBIDDEN, ...ALLOWED].map((text) => ({ path: 'src/core/async/condition.ts', text }));
  const told = lint([
    ...inCore,
    { path: 'src/connectors/mongodb/source/current-position.ts', text: 'export const at = Date.now();' },
  ]);
  const passed = FORBIDDEN.filter((_, index) => told[index]?.length !== 1);
  expect(passed).toEqual([]);
  expect(told.slice(FORBIDDEN.length)).toEqual([...ALLOWED, 'the connector'].map(() => []));
});
