import { parseSpec } from '../../src/config/spec';
import type { StreamInput } from '../../src/protocol/input';
import { NAMED_NAMESPACES } from '../../src/protocol/stream-activities';
import type { NamespaceStatus, StreamState } from '../../src/protocol/stream-state';
import type { Finding } from '../../src/core/model/finding';
import { boundedFindings, boundedNamespaces, clipFailure, clipShort } from '../../src/workflows/shared/bounded';
import { initialState } from '../../src/workflows/stream/initial';

const STARTED = '2026-01-02T03:04:05.678Z';

/** As written by runs that are alive somewhere: a field may be added with a default, never renamed or dropped. */
const FROZEN = {
  phase: 'prepare',
  desired: 'run',
  epoch: 0,
  ledgerExists: false,
  parsed: false,
  restart: false,
  position: null,
  at: null,
  inStepAfter: null,
  finalizing: false,
  until: null,
  caughtUp: false,
  unprepared: true,
  park: [],
  unpark: [],
  parkedCount: 0,
  parked: [],
  namespaces: {},
  namespaceCount: 0,
  totals: { read: 0, applied: 0, skipped: 0, bytes: 0, schemaChanges: 0 },
  progress: null,
  copyProgress: null,
  findings: [],
  failure: null,
  failures: 0,
  needsAttention: false,
  pauseReason: null,
  sliceMs: null,
  outcome: null,
  revision: 0,
  legs: 0,
  startedAt: STARTED,
};

test('the shape of the state is the one that running streams have written', () => {
  expect(initialState(STARTED)).toEqual(FROZEN);
  expect(JSON.parse(JSON.stringify(initialState(STARTED)))).toEqual(FROZEN);
});

const names = (count: number, length = 40): string[] =>
  Array.from({ length: count }, (_, n) => `shop.${String(n).padStart(length - 5, 'x')}`);

const statuses = (count: number, status: NamespaceStatus, length?: number) =>
  Object.fromEntries(names(count, length).map((name) => [name, status]));

const position = (fill: string) => ({ source: 'mongodb', history: 'h'.repeat(36), token: { token: fill.repeat(400) } });

function largest(namespaceStatuses: Record<string, NamespaceStatus>): StreamInput {
  const finding = (n: number): Finding => ({
    severity: n % 2 === 0 ? 'warning' : 'note',
    code: 'missing_privilege',
    message: 'm'.repeat(2_000),
    remedy: 'r'.repeat(2_000),
    namespace: `shop.n${n}`,
  });
  const parked = (n: number) => ({
    namespace: `shop.n${n}`,
    code: 'collation_differs',
    message: clipShort('m'.repeat(2_000)),
    remedy: clipShort('r'.repeat(2_000)),
    at: STARTED,
  });
  const state: StreamState = {
    ...initialState(STARTED),
    position: position('a'),
    inStepAfter: position('b'),
    until: position('c'),
    namespaces: boundedNamespaces(namespaceStatuses),
    namespaceCount: 5_000,
    park: Array.from({ length: 5 }, (_, n) => parked(n)),
    parked: Array.from({ length: 5 }, (_, n) => parked(n)),
    findings: boundedFindings(Array.from({ length: 1_000 }, (_, n) => finding(n))),
    failure: {
      kind: 'retry',
      code: 'x',
      message: clipFailure('m'.repeat(9_999)),
      remedy: clipFailure('r'.repeat(9_999)),
      at: STARTED,
    },
  };
  const problem = { code: 'x', message: clipShort('m'.repeat(2_000)), remedy: clipShort('r'.repeat(2_000)) };
  state.seenAt = STARTED;
  state.inspected = {
    inspections: 9,
    triedAt: STARTED,
    at: STARTED,
    report: { lagMs: 1, windowSeconds: 1, windowAtLeast: false, lost: problem },
    problem,
  };
  const spec = parseSpec({
    stream: {
      id: 'orders',
      source: { type: 'mongodb', connection_string: '${env:A}', database: 'shop' },
      destination: { type: 'mongodb', connection_string: '${env:B}' },
    },
  });
  return { spec, state };
}

test.each(['streaming', 'copying', 'parked'] as const)('5,000 namespaces that are %s stay under 32 KB', (status) => {
  expect(Buffer.byteLength(JSON.stringify(largest(statuses(5_000, status))))).toBeLessThan(32 * 1024);
  expect(Buffer.byteLength(JSON.stringify(largest(statuses(300, status, 250))))).toBeLessThan(32 * 1024);
});

test('up to 300 namespaces are named, beyond that only those that are not streaming', () => {
  expect(Object.keys(boundedNamespaces(statuses(NAMED_NAMESPACES, 'streaming', 9)))).toHaveLength(NAMED_NAMESPACES);
  const many = { ...statuses(1_000, 'streaming'), 'shop.late': 'parked' as const };
  expect(boundedNamespaces(many)).toEqual({ 'shop.late': 'parked' });
});

test('findings keep the severe ones and say how many are left out', () => {
  const note: Finding = { severity: 'note', code: 'n', message: 'm', remedy: '' };
  const kept = boundedFindings([...Array.from({ length: 40 }, () => note), { ...note, severity: 'error', code: 'e' }]);
  expect(kept[0]).toMatchObject({ severity: 'error' });
  expect(kept.at(-1)).toMatchObject({ code: 'more_findings', message: 'and 31 more findings' });
});
