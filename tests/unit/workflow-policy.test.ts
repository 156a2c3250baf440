import { ActivityFailure, ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import { readFailure, type CallFailure } from '../../src/workflows/shared/failure';
import { untilNextMs, urgentSeconds } from '../../src/workflows/stream/inspect';
import { backOffMs, decide } from '../../src/workflows/stream/phases/policy';
import type { ErrorKind } from '../../src/core/model/errors';
import { toFailure } from '../../src/activities/failure';
import { ReplicationError } from '../../src/core/model/errors';

const TIMES = { maxAttempts: 0, initialMs: 100, maxMs: 1_000, multiplier: 2 };
const failure = (kind: ErrorKind, retryAfterMs?: number): CallFailure => ({
  cause: 'stream',
  info: { kind, code: 'c', message: 'm', remedy: '', ...(retryAfterMs !== undefined && { retryAfterMs }) },
  progress: null,
});
const next = (of: CallFailure, failures = 1, fencings = 0, maxAttempts = 0) =>
  decide(of, { failures, fencings }, { ...TIMES, maxAttempts }, 1);

test('back-off grows to its maximum and no further', () => {
  expect([1, 2, 3, 4, 5, 900].map((n) => backOffMs(n, TIMES, 1))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(backOffMs(1, TIMES, 0)).toBe(50);
});

test('each kind has its consequence', () => {
  expect(next(failure('retry'))).toEqual({ do: 'wait', delayMs: 100 });
  expect(next(failure('retry', 5_000))).toEqual({ do: 'wait', delayMs: 5_000 });
  expect(next(failure('retry'), 3, 0, 3)).toEqual({ do: 'need_attention' });
  expect(next(failure('fenced'), 1, 3)).toEqual({ do: 'go_on' });
  expect(next(failure('fenced'), 4, 4)).toEqual({ do: 'wait', delayMs: 800 });
  for (const kind of ['poison', 'needs_attention', 'bug'] as const)
    expect(next(failure(kind))).toEqual({ do: 'need_attention' });
  expect(next({ ...failure('retry'), cause: 'platform' }, 99, 0, 3)).toEqual({ do: 'go_on' });
});

const activity = (cause: Error) => new ActivityFailure('failed', 'pump', '1', 'MAXIMUM_ATTEMPTS_REACHED', 'w', cause);
const read = (cause: Error) => readFailure(activity(cause), 'q-pump');

test('what an activity fails with is read back as it was', () => {
  const progress = { position: { source: 's', history: 'h', token: 1 }, totals: {} };
  const error = new ReplicationError('fenced', { code: 'fenced', message: 'm', epoch: 9 });
  const sent = toFailure(error, { stream: 'orders', interrupted: false, progress });
  expect(sent.nonRetryable).toBe(true);
  expect(read(sent)).toEqual({
    cause: 'stream',
    info: { kind: 'fenced', code: 'fenced', message: 'm', remedy: '', ledgerEpoch: 9, position: progress.position },
    progress,
  });
});

test('an unknown error is a bug and shows nothing of its message', () => {
  const sent = toFailure(new RangeError('canary'), { stream: 'orders', interrupted: false, progress: null });
  expect(read(sent).info).toMatchObject({ kind: 'bug', code: 'unexpected' });
  expect(JSON.stringify([sent.message, sent.details, sent.cause, sent.stack])).not.toContain('canary');
});

test('a call that was told to end is interrupted, whatever it threw; only what matters is told', () => {
  const thrown = (error: unknown) =>
    read(toFailure(error, { stream: 'orders', interrupted: true, progress: null })).cause;
  expect(thrown(new Error('aborted'))).toBe('interrupted');
  expect(thrown(new ReplicationError('retry', { code: 'closed', message: '' }))).toBe('interrupted');
  expect(thrown(new ReplicationError('needs_attention', { code: 'history_lost', message: '' }))).toBe('stream');
});

test('what Temporal itself tells is the platform, and carries the last heartbeat', () => {
  const beat = { position: null, totals: {} };
  expect(read(new TimeoutFailure('t', beat, 'HEARTBEAT'))).toMatchObject({
    cause: 'platform',
    info: { code: 'worker_lost' },
    progress: beat,
  });
  expect(read(new TimeoutFailure('t', null, 'SCHEDULE_TO_START'))).toMatchObject({ info: { code: 'no_worker' } });
  expect(read(new TimeoutFailure('t', null, 'START_TO_CLOSE'))).toMatchObject({
    cause: 'stream',
    info: { code: 'leg_overrun' },
  });
  expect(read(new CancelledFailure('c')).cause).toBe('interrupted');
  expect(read(ApplicationFailure.create({ type: 'WorkerShutdown' })).cause).toBe('platform');
  expect(() => readFailure(new TypeError('a bug of ours'), 'q')).toThrow(TypeError);
});

describe('a position that is inspected while no leg runs', () => {
  const MINUTE_MS = 60_000;
  it('is inspected less and less often, at least every ten intervals', () => {
    const waits = [0, 1, 2, 3, 4, 500].map((inspections) => untilNextMs(MINUTE_MS, inspections, null) / MINUTE_MS);
    expect(waits).toEqual([1, 2, 4, 8, 10, 10]);
  });

  it('is inspected four times within what is left of the window, and never more often than the interval', () => {
    expect(untilNextMs(MINUTE_MS, 9, 1_200)).toBe(5 * MINUTE_MS);
    expect(untilNextMs(MINUTE_MS, 9, 10)).toBe(MINUTE_MS);
    expect(untilNextMs(MINUTE_MS, 9, 86_400)).toBe(10 * MINUTE_MS);
  });

  const report = { lagMs: 1, windowSeconds: 30, windowAtLeast: false, lost: null };
  it.each([
    ['what the last inspection has found', { inspected: report }, 30],
    ['what the last leg has told', { progress: { windowSeconds: 40 } }, 40],
    ['nothing where the source does not tell it', {}, null],
    ['nothing where the log has forgotten nothing so far', { inspected: { ...report, windowAtLeast: true } }, null],
    ['nothing of such a log that a leg has told of', { progress: { windowSeconds: 9, windowAtLeast: true } }, null],
    ['nothing once all is lost', { inspected: { ...report, windowSeconds: 0, lost: { code: 'history_lost' } } }, null],
  ])('is urgent by %s', (_, found, seconds) => {
    expect(urgentSeconds(found as Parameters<typeof urgentSeconds>[0])).toBe(seconds);
  });
});
