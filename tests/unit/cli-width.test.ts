import { createColors } from 'picocolors';
import type { Applied } from '../../src/cli/apply/apply';
import { type DemoResult, resultTable } from '../../src/cli/demo/demo';
import { columnsOf } from '../../src/cli/io';
import { checkedTable } from '../../src/cli/render/check';
import { findingsTable } from '../../src/cli/render/findings';
import { widthOf } from '../../src/cli/render/fit';
import { forgottenText } from '../../src/cli/render/forget';
import { deadLetterDetails, deadLettersTable } from '../../src/cli/render/dead-letters';
import { appliedTable } from '../../src/cli/render/plan';
import { streamDetails, streamsTable } from '../../src/cli/render/streams';
import { facts, grid, type Look } from '../../src/cli/render/table';
import { verificationResult } from '../../src/cli/render/verification';
import type { StreamReport } from '../../src/cli/streams/report';
import type { StreamView } from '../../src/protocol/stream-view';
import type { VerificationView } from '../../src/protocol/verification-messages';

const NAMESPACE = 'warehouse_of_the_north.orders_by_customer_and_day';
const ID = 'orders-to-the-warehouse';
const PROSE =
  'the target exists already and holds documents that the stream has not written, so a copy would mix them. '
    .repeat(3)
    .trim();
const remedy = `empty it, or set snapshot.on_existing: merge; ${PROSE}`;
const finding = { severity: 'error', code: 'c', message: PROSE, remedy, namespace: NAMESPACE } as const;

const letter = {
  id: '0f3c0f3c0f3c0f3c0f3c0f3c',
  stream: ID,
  namespace: NAMESPACE,
  target: NAMESPACE,
  keyHash: 7,
  op: 'replace' as const,
  code: 'duplicate_key',
  message: PROSE,
  attempts: 1_234_567,
  sourceTime: new Date(0),
  firstAt: new Date(0),
  lastAt: new Date(0),
  state: 'open' as const,
  kept: true,
};

const removed = {
  ledger: 1,
  ranges: 2,
  namespaces: 3,
  owners: 3,
  derived: 4,
  repairs: 5,
  deadLetters: 6,
  verification: 7,
  schedules: 8,
};
const forgotten = { stream: ID, dryRun: true, removed, targets: [], heldIndexes: 0, historyInTemporal: false };
const checked = { file: 'f.yaml', findings: [], streams: [], connected: false };
const problem = { path: 'streams[0].source.connection_string', line: 12, column: 5, message: PROSE, remedy };

const AT = '2026-01-01T00:00:00.000Z';
const data = { key: { _id: 7 }, row: null, delta: null };
const failure = { kind: 'retry', code: 'not_reachable', message: PROSE, remedy, at: AT } as const;
const parked = { namespace: NAMESPACE, code: 'collation_differs', message: PROSE, remedy, at: AT };

const view: StreamView = {
  stream: ID,
  name: PROSE,
  status: 'needs_attention',
  phase: 'replicate',
  source: 'mongodb warehouse_of_the_north',
  destination: 'mongodb',
  at: AT,
  lagMs: 86_400_000,
  changesPerSecond: 123_456,
  asOf: AT,
  live: false,
  windowSeconds: 60,
  windowAtLeast: false,
  windowWarningSeconds: 3600,
  sourceProblem: { code: 'not_reachable', message: PROSE, remedy },
  epoch: 3,
  revision: 1,
  legs: 2,
  totals: { read: 1e9, applied: 1e9, skipped: 1e6, bytes: 1e12, schemaChanges: 7, refused: 12 },
  progress: null,
  copy: null,
  namespaceCount: 3,
  namespaces: { [NAMESPACE]: 'streaming' },
  parkedCount: 2,
  parked: [parked],
  findings: [finding],
  failure,
  failures: 3,
  nextTryAt: AT,
  pauseReason: PROSE,
  startedAt: AT,
};

const report: StreamReport = {
  stream: ID,
  status: 'needs_attention',
  workflow: {
    id: `tributary/${ID}`,
    runId: 'r',
    taskQueue: 'tributary',
    execution: 'running',
    startedAt: AT,
  },
  worker: 'answers',
  live: false,
  view,
};
const withView = (change: Partial<StreamView>): StreamReport => ({ ...report, view: { ...view, ...change } });

const changed = { path: 'streams[0].source.connection_string', before: PROSE, after: PROSE, effect: 'live' } as const;
const failed = { stream: ID, action: 'refused', changes: [changed], then: null, outcome: 'failed' } as const;
const missingSearchAttributes = { names: ['TributaryStream', 'TributaryStatus'], remedy };
const applied: Applied = {
  dryRun: false,
  streams: [{ ...failed, error: { message: PROSE, remedy } }],
  notInFile: Array.from({ length: 9 }, (_, n) => `${ID}-${n}`),
  unpolledQueues: ['tributary', 'tributary-pump'],
  missingSearchAttributes: null,
};

const keys = [
  { namespace: NAMESPACE, difference: 'missing', state: 'unsettled', key: `{"customer":"${PROSE}"}` },
] as const;
const rows = [{ namespace: NAMESPACE, sourceRows: 123_456_789, destinationRows: 123_456_788, done: false }];
const damaged = { missing: 1, extra: 2, different: 3 };
const findings = { sourceRows: 1e9, destinationRows: 1e9, ranges: 9, rangesDone: 9, damaged, unsettled: 4 };
const verified = {
  stream: ID,
  status: 'different',
  verdict: 'different',
  findings,
  estimatedRows: 1e9,
  startedAt: AT,
  endedAt: AT,
  repaired: 5,
  gaps: [PROSE, PROSE],
  notVerified: [{ namespace: NAMESPACE, why: 'parked' }],
  rows,
  layout: [finding],
  failure: null,
} as unknown as VerificationView;

const compared = { source: 12_345, destination: 12_345, onlyAtSource: 0, onlyAtDestination: 0, different: 0 };
const demoed: DemoResult = {
  identical: true,
  collections: [{ collection: 'customers', ...compared, examples: [] }],
  written: { inserts: 1_234, updates: 5_678, deletes: 910 },
  webUi: 'http://127.0.0.1:8233',
};

const HEAD = ['NAME', 'NUMBER', 'WORDS', 'MORE THAN WORDS'];
const ROW = [ID, '1,234,567', PROSE, `${PROSE} ${PROSE}`];
const OPTIONS = { right: [1], wraps: [2, 3] };

const drawn: readonly (readonly [string, (look: Look) => string])[] = [
  ['a table', (look) => grid(look, HEAD, [ROW, ROW], OPTIONS)],
  [
    'facts',
    (look) =>
      facts(look, [
        ['name', ID],
        ['namespace', `${NAMESPACE}.${NAMESPACE}`],
        ['Not proven, because', PROSE],
      ]),
  ],
  ['findings', (look) => findingsTable([{ ...finding, stream: ID, side: 'destination' }], look)],
  ['problems of a file', (look) => checkedTable({ ...checked, problems: [problem] }, look)],
  ['dead letters', (look) => deadLettersTable([letter], false, look)],
  ['details of a dead letter', (look) => deadLetterDetails({ ...letter, position: null as never, ...data }, look)],
  ['streams', (look) => streamsTable([report, { ...report, view: null }], look)],
  ['details of a stream', (look) => streamDetails(report, look)],
  ['a past failure', (look) => streamDetails(withView({ failure: { ...failure, recoveredAt: AT } }), look)],
  ['what was applied', (look) => appliedTable(applied, look)],
  ['what is missing for it', (look) => appliedTable({ ...applied, streams: [], missingSearchAttributes }, look)],
  ['the result of a verification', (look) => verificationResult(verified, keys, look)],
  ['the result of the demo', (look) => resultTable(demoed, look)],
];

const tooWide = (text: string, columns: number) => text.split('\n').filter((line) => widthOf(line) > columns);

describe.each([80, 40])('in a terminal of %d columns', (columns) => {
  test.each(drawn)('%s has no wider line', (_, draw) => {
    for (const colours of [false, true]) {
      const text = draw({ paint: createColors(colours), columns });
      expect(tooWide(text, columns)).toEqual([]);
      expect(tooWide(draw({ paint: createColors(colours), columns: Infinity }), columns)).not.toEqual([]);
    }
  });
});

test('what was forgotten is counted within 40 columns', () => {
  const counted = forgottenText(forgotten, { paint: createColors(false), columns: 40 })
    .split('\n')
    .filter((line) => / \d$/u.test(line));
  expect(counted).toHaveLength(9);
  expect(tooWide(counted.join('\n'), 40)).toEqual([]);
});

test('a colour that goes on in the next line leaves the cells beside it plain', () => {
  const paint = createColors(true);
  const text = grid({ columns: 12 }, ['A', 'B'], [[paint.bold(paint.red('one two three')), 'x y']], { wraps: [0, 1] });
  const [, ...lines] = text.split('\n');
  const began = paint.bold(paint.red('|')).split('|')[0] ?? '';
  expect(lines.slice(0, 2)).toEqual([`${began}one two\u001b[0m  x y`, expect.stringContaining(`${began}three`)]);
});

test('a row with a long text is drawn at once', () => {
  const begun = performance.now();
  grid({ columns: 80 }, HEAD, [[ID, '1', PROSE, PROSE.repeat(8)]], OPTIONS);
  // Minutes where the time grows with the square of the text, and 20 ms where it does not.
  expect(performance.now() - begun).toBeLessThan(2_000);
});

test('the widest column gives way first; ids and numbers stay whole, heads break at spaces', () => {
  const lines = grid({ columns: 80 }, HEAD, [ROW], OPTIONS).split('\n');
  expect(lines[0]).toMatch(/^NAME +NUMBER +WORDS +MORE/);
  expect(lines.some((line) => line.startsWith(`${ID}  1,234,567  the target`))).toBe(true);
  expect(grid({ columns: 14 }, ['ONLY AT SOURCE', 'ROWS'], [['1', '2']])).toBe('ONLY AT  ROWS\nSOURCE\n1        2');
});

test('what fits by no means is a block for each row, and columns that may be are left out before', () => {
  expect(grid({ columns: 11 }, ['A', 'B'], [['12345678', '987']])).toBe('A  12345678\nB  987');
  expect(grid({ columns: 10 }, ['A', 'B'], [['12345678', '9']], { spare: [1] })).toBe('A\n12345678');
});

test('a pipe has no limit unless COLUMNS gives one; a terminal that says nothing has 80', () => {
  expect(columnsOf(undefined, {}, false)).toBe(Infinity);
  expect(columnsOf(undefined, { COLUMNS: '60' }, false)).toBe(60);
  expect(columnsOf(undefined, { COLUMNS: 'wide' }, false)).toBe(Infinity);
  expect([columnsOf(100, { COLUMNS: '60' }, true), columnsOf(0, {}, true)]).toEqual([100, 80]);
});

test('apply says which task queues no worker polls', () => {
  const look = { paint: createColors(false), columns: Infinity };
  const applied: Applied = {
    dryRun: false,
    streams: [],
    notInFile: [],
    unpolledQueues: ['tributary'],
    missingSearchAttributes: null,
  };
  expect(appliedTable(applied, look)).toContain('no worker polls task queue "tributary": what was started waits');
  expect(appliedTable({ ...applied, unpolledQueues: [] }, look)).not.toContain('no worker');
});
