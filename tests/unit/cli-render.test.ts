import { createColors } from 'picocolors';
import type { Applied } from '../../src/cli/apply/apply';
import { planStream } from '../../src/cli/apply/plan';
import { checkedTable } from '../../src/cli/render/check';
import { appliedTable } from '../../src/cli/render/plan';
import { Screen } from '../../src/cli/render/screen';
import { streamDetails, streamsTable } from '../../src/cli/render/streams';
import { bar, bytes, count, span } from '../../src/cli/render/text';
import type { StreamReport } from '../../src/cli/streams/report';
import { parseSpec } from '../../src/config/spec';
import { diffSpec } from '../../src/config/diff';
import { withLive, type StreamView } from '../../src/protocol/stream-view';
import { detailsOf } from '../../src/workflows/stream/details';
import { testIo } from '../support/io';

const plain = { paint: createColors(false), columns: Infinity };

const totals = { read: 120, applied: 100, skipped: 0, bytes: 4096, schemaChanges: 0 };

const view: StreamView = {
  stream: 'orders',
  name: 'orders',
  status: 'replicating',
  phase: 'replicate',
  source: 'mongodb shop',
  destination: 'mongodb',
  at: '2026-01-01T00:00:00Z',
  lagMs: 40,
  changesPerSecond: 1234.5,
  asOf: null,
  live: false,
  windowSeconds: null,
  windowAtLeast: false,
  windowWarningSeconds: 3600,
  sourceProblem: null,
  epoch: 3,
  revision: 1,
  legs: 2,
  totals,
  progress: null,
  copy: null,
  namespaceCount: 1,
  namespaces: { 'shop.orders': 'streaming' },
  parkedCount: 0,
  parked: [],
  findings: [],
  failure: null,
  failures: 0,
  nextTryAt: null,
  pauseReason: null,
  startedAt: '2026-01-01T00:00:00Z',
};

const report = (change: Partial<StreamView> = {}): StreamReport => ({
  stream: 'orders',
  status: change.status ?? 'replicating',
  workflow: {
    id: 'tributary/orders',
    runId: 'r',
    taskQueue: 'tributary',
    execution: 'running',
    startedAt: new Date(Date.now() - 65_000).toISOString(),
  },
  worker: 'answers',
  live: false,
  view: { ...view, ...change },
});

const copy = {
  rows: 500,
  estimatedRows: 1000,
  bytes: 2_000_000,
  estimatedBytes: 4_000_000,
  ranges: 4,
  rangesDone: 1,
  rowsPerSecond: 250,
  windowSeconds: null,
  secondsLeft: 2,
};

describe('words for numbers', () => {
  it.each([
    [0, '0 ms'],
    [1_500, '1.5 s'],
    [59_400, '59 s'],
    [125_000, '2 min 5 s'],
    [7_800_000, '2 h 10 min'],
    [3 * 86_400_000, '3 d 0 h'],
  ])('%d ms is %s', (ms, expected) => expect(span(ms)).toBe(expected));

  it('counts and sizes', () => {
    expect([count(1234567), bytes(999), bytes(1500), bytes(4_000_000_000)]).toEqual([
      '1,234,567',
      '999 B',
      '1.5 KB',
      '4.0 GB',
    ]);
    expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(['░░░░', '██░░', '████']);
  });
});

describe('streams', () => {
  it('are a line each, without colours where there are none', () => {
    expect(streamsTable([report()], plain).split('\n')).toEqual([
      'STREAM  STATUS       PROGRESS    LAG     RATE  APPLIED  COPIED  AT',
      'orders  replicating  -         40 ms  1,235/s      100       -  2026-01-01T00:00:00Z',
    ]);
  });

  it('show how far the copy is', () => {
    const line = streamsTable([report({ status: 'copying', phase: 'snapshot', copy })], plain).split('\n')[1];
    expect(line).toContain('██████░░░░░░ 50 %');
    expect(line).toContain('250/s');
    expect(line).toContain('500');
  });

  it('say it when no worker answers', () => {
    const silent: StreamReport = { ...report(), worker: 'silent', view: null };
    expect(streamsTable([silent], plain)).toContain('no worker answers');
    expect(streamDetails(silent, plain)).toContain('tributary: no worker answers');
    expect(streamsTable([], plain)).toContain('tributary apply');
  });

  it('tell the last failure with its remedy', () => {
    const details = streamDetails(
      report({
        status: 'needs_attention',
        failures: 3,
        failure: {
          kind: 'needs_attention',
          code: 'history_lost',
          message: 'the source no longer has the position',
          remedy: 'copy again',
          at: new Date().toISOString(),
        },
      }),
      plain,
    );
    expect(details).toContain('history_lost');
    expect(details).toContain('3 in a row');
    expect(details).toContain('\n  copy again');
  });

  it('tell parked namespaces with their remedies, also those that are too many to name', () => {
    const parked = [
      {
        namespace: 'shop.views',
        code: 'not_a_collection',
        message: 'the target is a view',
        remedy: 'drop it',
        at: new Date().toISOString(),
      },
    ];
    const one = report({ parkedCount: 3, parked });
    const details = streamDetails(one, plain);
    expect(details).toMatch(/shop\.views +the target is a view \(not_a_collection, .* ago\) +drop it/);
    expect(details).toContain('2 more parked');
    expect(details).toContain('tributary streams resume orders --namespace');
    expect(streamsTable([one], plain)).toContain('replicating (3 parked)');
    expect(streamDetails(report(), plain)).not.toContain('parked');
  });

  it('tell how long the source keeps what comes next, and what to do when that gets short', () => {
    expect(streamDetails(report({ windowSeconds: 7_200 }), plain)).toMatch(/history window +2 h 0 min left$/m);
    expect(streamDetails(report({ windowSeconds: 600 }), plain)).toMatch(
      /10 min 0 s left: keep more of the source's log/,
    );
    expect(streamDetails(report({ windowSeconds: null }), plain)).not.toContain('history window');
    // A log that was begun ten minutes ago has forgotten nothing.
    expect(streamDetails(report({ windowSeconds: 600, windowAtLeast: true }), plain)).toMatch(
      /history window +at least 10 min 0 s left$/m,
    );
  });

  it('tell how old they are, what is past, and what is wrong with the source of a stream that rests', () => {
    const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
    expect(streamDetails(report({ asOf: ago(90_000) }), plain)).toMatch(/as of +1 min 30 s ago$/m);
    expect(streamDetails(report({ asOf: ago(100) }), plain)).toMatch(/as of +now$/m);
    expect(streamsTable([report({ asOf: ago(90_000) })], plain)).toMatch(/ AS OF\n.* 1 min 30 s ago$/);
    expect(streamsTable([report({ asOf: ago(100) })], plain)).not.toContain('AS OF');
    const failure = { kind: 'retry', code: 'not_reachable', message: 'gone', remedy: 'look', at: ago(60_000) } as const;
    expect(streamDetails(report({ failure }), plain)).toMatch(/^last failure \(not_reachable, .*\): gone\n+ {2}look$/m);
    const past = streamDetails(report({ failure: { ...failure, recoveredAt: ago(50_000) } }), plain);
    expect(past).toMatch(/^past failure \(not_reachable, 1 min 0 s ago, over since 50 s\): gone$/m);
    expect(past).not.toContain('look');
    const sourceProblem = { code: 'history_lost', message: 'it is lost', remedy: 'copy again' };
    expect(streamDetails(report({ sourceProblem }), plain)).toMatch(
      /^source \(history_lost\): it is lost\n+ {2}copy again$/m,
    );
  });

  it('tell of copies inside the stream', () => {
    const copies = { namespaces: 2, rows: 500, estimatedRows: 1_000 };
    const progress = { position: null, at: '', lagMs: 0, changesPerSecond: 0, windowSeconds: null, copies, totals };
    expect(streamDetails(report({ progress }), plain)).toMatch(
      /copies +2 namespaces inside the stream, 500 of about 1,000 rows/,
    );
  });

  it('tell how small steps are while the destination is slow', () => {
    const leg = { position: null, at: '', lagMs: 0, changesPerSecond: 0, windowSeconds: null, copies: null, totals };
    const progress = { ...leg, stepChanges: 12 };
    expect(streamDetails(report({ progress }), plain)).toMatch(/steps +12 changes at most: the destination does not/);
    expect(streamDetails(report({ progress: leg }), plain)).not.toContain('steps');
    expect(detailsOf(report({ progress }).view as StreamView)).toContain(
      '| Steps | of 12 at most: the destination is slow |',
    );
  });

  it('add what the running leg has done, and count it once', () => {
    const leg = { at: 'now', lagMs: 7, changesPerSecond: 9, windowSeconds: 50, copies: null, totals };
    const seen = new Date().toISOString();
    const live = withLive(view, { position: null, ...leg }, seen);
    expect(live).toMatchObject({ at: 'now', lagMs: 7, windowSeconds: 50, totals: { read: 240, applied: 200 } });
    expect(live).toMatchObject({ asOf: seen, live: true });
    expect(live.progress).toEqual(leg);
    expect(withLive(view, copy, seen).copy).toEqual(copy);
    // The same leg, told of again a while later.
    const more = { ...totals, read: totals.read + 5, applied: totals.applied + 4 };
    const later = withLive(live, { position: null, ...leg, windowSeconds: null, totals: more }, seen);
    expect(later).toMatchObject({ windowSeconds: 50, totals: { read: 245, applied: 204 } });
  });
});

const spec = (change: Record<string, unknown> = {}) =>
  parseSpec({
    stream: {
      id: 'orders',
      source: { type: 'mongodb', connection_string: '${env:A}', database: 'shop' },
      destination: { type: 'mongodb', connection_string: '${env:B}' },
      ...change,
    },
  });

const plan = (before: ReturnType<typeof spec>, after: ReturnType<typeof spec>) =>
  planStream(after, before, diffSpec(before, after));

describe('a plan', () => {
  it('starts what is new, unless it is disabled', () => {
    expect(planStream(spec(), null, []).action).toBe('start');
    expect(planStream(spec({ enabled: false }), null, []).action).toBe('disabled');
  });

  it('leaves what is the same, and reconfigures what is not', () => {
    expect(plan(spec(), spec()).action).toBe('unchanged');
    expect(plan(spec(), spec({ batch_size: 7 }))).toMatchObject({
      action: 'reconfigure',
      then: null,
      changes: [{ path: 'batch_size', before: 1000, after: 7 }],
    });
    expect(planStream(spec(), 'unreadable', []).action).toBe('reconfigure');
  });

  it('pauses what is disabled and resumes what is enabled again', () => {
    expect(plan(spec(), spec({ enabled: false }))).toMatchObject({ action: 'reconfigure', then: 'pause' });
    expect(plan(spec({ enabled: false }), spec())).toMatchObject({ action: 'reconfigure', then: 'resume' });
  });

  it('refuses what a running stream cannot take', () => {
    const other = spec({ source: { type: 'mongodb', connection_string: '${env:A}', database: 'crm' } });
    expect(plan(spec(), other).action).toBe('refused');
  });

  it('is shown with path, before, after and effect', () => {
    const planned = plan(spec(), spec({ batch_size: 7, enabled: false }));
    const applied: Applied = {
      dryRun: true,
      streams: [{ ...planned, outcome: 'planned', error: null }],
      notInFile: ['old'],
      unpolledQueues: [],
      missingSearchAttributes: null,
    };
    const text = appliedTable(applied, plain);
    expect(text).toContain('would reconfigure, then pause');
    expect(text).toMatch(/orders +batch_size +1000 +7 +\w/);
    expect(text).toContain('running, but not in the file (left alone): old');
    const done: Applied = { ...applied, streams: [{ ...planned, outcome: 'done', error: null }] };
    expect(appliedTable(done, plain)).toContain('reconfigured, paused');
  });
});

describe('a check', () => {
  const checked = { file: 'f.yaml', problems: [], findings: [], streams: ['orders'], connected: true };

  it('says that all is well', () => {
    expect(checkedTable(checked, plain)).toBe('f.yaml: valid, 1 stream (orders); the databases are ready');
  });

  it('shows findings with their remedies', () => {
    const finding = { severity: 'error', code: 'c', message: 'no oplog', remedy: 'make it a replica set' } as const;
    const text = checkedTable({ ...checked, findings: [{ ...finding, stream: 'orders', side: 'source' }] }, plain);
    expect(text).toMatch(/error +orders source +no oplog +make it a replica set/);
  });
});

describe('the screen', () => {
  const io = (tty: boolean) => {
    const written: string[] = [];
    const sink = { write: (text: string) => written.push(text) };
    return { given: testIo({ out: sink, err: sink, tty, columns: 10 }).io, written };
  };

  it('draws again in place, long lines counted by their rows', () => {
    const { given, written } = io(true);
    const screen = new Screen(given);
    screen.draw('a\n0123456789012', 'k');
    screen.draw('b', 'k');
    screen.above('said');
    expect(written).toEqual(['a\n0123456789012\n', '\u001b[3A\u001b[0Jb\n', '\u001b[1A\u001b[0Jsaid\nb\n']);
  });

  it('prints again only what changed where it cannot draw', () => {
    const { given, written } = io(false);
    const screen = new Screen(given);
    screen.draw('a', 'k1');
    screen.draw('b', 'k1');
    screen.draw('c', 'k2');
    screen.above('said');
    expect(written).toEqual(['a\n', 'c\n', 'said\n']);
  });
});
