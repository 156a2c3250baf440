import { lint } from '../support/lint';

const IMPORTS = '@typescript-eslint/no-restricted-imports';
const SYNTAX = 'no-restricted-syntax';
const CIRCLE = 'tributary/no-circle';

/** An import of a value, and its use; the linter of this test knows no types. */
const value = (from: string) => `import { a } from '${from}';\nexport const b = a;`;
const type = (from: string) => `import type { A } from '${from}';\nexport type B = A;`;

const FORBIDDEN: readonly (readonly [path: string, text: string, rule: string])[] = [
  ['src/protocol/names.ts', value('../core/model/errors'), IMPORTS],
  ['src/protocol/names.ts', value('../config/schema'), IMPORTS],
  ['src/protocol/names.ts', type('../workflows/run'), IMPORTS],
  ['src/protocol/names.ts', type('../activities/deps'), IMPORTS],
  ['src/protocol/names.ts', value('node:crypto'), IMPORTS],
  ['src/protocol/names.ts', "import { sleep } from '@temporalio/workflow';\nexport const b = sleep;", IMPORTS],
  ['src/protocol/names.ts', 'export class Names { readonly a = 1; }', SYNTAX],
  ['src/protocol/names.ts', 'export const at = new Date();', SYNTAX],
  ['src/protocol/names.ts', 'export const f = async (): Promise<void> => { await f(); };', SYNTAX],
  ['src/protocol/names.ts', 'export const f = (): void => { throw f; };', SYNTAX],
  ['src/protocol/names.ts', 'export let count = 0;\ncount += 1;', SYNTAX],
  ['src/workflows/markdown.ts', type('../activities/deps'), IMPORTS],
  ['src/workflows/markdown.ts', type('../activities'), IMPORTS],
  ['src/workflows/markdown.ts', value('../config/duration'), IMPORTS],
  ['src/workflows/markdown.ts', value('node:fs'), IMPORTS],
  ['src/activities/stop.ts', type('../workflows/run'), IMPORTS],
  ['src/activities/stop.ts', value('../workflows'), IMPORTS],
  ['src/telemetry/scope.ts', type('../workflows/record'), IMPORTS],
  ['src/worker/version.ts', type('../workflows/run'), IMPORTS],
  ['src/cli/version.ts', value('../workflows/view'), IMPORTS],
  ['src/cli/apply/plan.ts', type('../../activities/deps'), IMPORTS],
  ['src/index.ts', type('./workflows/run'), IMPORTS],
  ['bench/lab/stream.ts', type('../../src/workflows/run'), IMPORTS],
  ['src/core/pump/rate.ts', type('../../protocol/failure'), IMPORTS],
  ['src/connectors/mongodb/source/current-position.ts', type('../../../protocol/failure'), IMPORTS],
  ['src/connectors/mongodb/destination/ledger/fence.ts', type('../../../../protocol/failure'), IMPORTS],
  // What these import imports them: as a value, as a type, over a third file, and by `export from`.
  ['src/protocol/names.ts', value('./how-to'), CIRCLE],
  ['src/protocol/failure.ts', type('./stream-state'), CIRCLE],
  ['src/protocol/failure.ts', type('./input'), CIRCLE],
  ['src/protocol/failure.ts', "export type { StreamState } from './stream-state';", CIRCLE],
  ['src/protocol/failure.ts', "export * from './stream-view';", CIRCLE],
];

const ALLOWED: readonly (readonly [path: string, text: string])[] = [
  ['src/protocol/names.ts', type('../core/model/errors')],
  ['src/protocol/names.ts', type('../config/schema')],
  ['src/protocol/names.ts', "import { defineQuery } from '@temporalio/workflow';\nexport const b = defineQuery('b');"],
  ['src/workflows/markdown.ts', value('../protocol/names')],
  ['src/activities/stop.ts', value('../protocol/names')],
  ['src/cli/version.ts', value('../protocol/names')],
  ['src/protocol/input.ts', type('./stream-state')],
];

test('what crosses Temporal is imported from both sides and imports neither, and no import leads back', () => {
  const texts = [...FORBIDDEN, ...ALLOWED].map(([path, text]) => ({ path, text }));
  const told = lint(texts).map((messages) => messages.map(({ ruleId }) => ruleId));
  expect(FORBIDDEN.map((each, index) => [...each.slice(0, 2), told[index]])).toEqual(
    FORBIDDEN.map(([path, text, rule]) => [path, text, [rule]]),
  );
  expect(told.slice(FORBIDDEN.length)).toEqual(ALLOWED.map(() => []));
});
