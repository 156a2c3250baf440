import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { ReplayActivities, ReplayProgress, ReplayResult } from '../../src/protocol/dead-letter-replay';
import { WORKER_LOST } from '../../src/protocol/failure';
import { REPLAY_TYPE, VERIFICATION_TYPE } from '../../src/protocol/names';
import type { StreamActivities } from '../../src/protocol/stream-activities';
import type {
  VerificationActivities,
  VerificationCompared,
  VerificationLayout,
} from '../../src/protocol/verification-activities';
import { NOTHING_FOUND } from '../../src/protocol/verification-state';
import type { Findings } from '../../src/core/ports/verification';
import { fails, Script, until, untilCancelled } from '../integration/workflow-context';

type Called = VerificationActivities & ReplayActivities & Pick<StreamActivities, 'parse'>;
type Name = keyof Called;

/** What the calls of a workflow do, in turn; the last act of each name is done for ever. */
export type Acts = { readonly [K in Name]?: readonly [Called[K], ...Called[K][]] };

export interface BesideScenario {
  readonly type: typeof VERIFICATION_TYPE | typeof REPLAY_TYPE;
  /** Beside the spec. */
  readonly input: object;
  readonly acts: Acts;
  readonly play: (handle: WorkflowHandle, begun: (name: Name, n?: number) => Promise<void>) => Promise<unknown>;
}

/** Activities that follow the acts, and what tells when one of them has begun. */
export function acted(acts: Acts): {
  readonly activities: Readonly<Record<string, unknown>>;
  readonly begun: (name: Name, n?: number) => Promise<void>;
} {
  const calls = new Map<string, number>();
  const activities = Object.entries(acts).map(([name, each]) => [
    name,
    (input: never) => {
      const n = calls.get(name) ?? 0;
      calls.set(name, n + 1);
      return (each[Math.min(n, each.length - 1)] as (input: never) => unknown)(input);
    },
  ]);
  return {
    activities: Object.fromEntries(activities) as Record<string, unknown>,
    begun: (name, n = 1) => until(`${name} was called ${n} times`, () => (calls.get(name) ?? 0) >= n),
  };
}

const { parse } = new Script();
const then =
  <T>(value: T) =>
  (): Promise<T> =>
    Promise.resolve(value);

const findings = (more: Partial<Findings> = {}): Findings => ({
  ...NOTHING_FOUND,
  ranges: 2,
  sourceRows: 50,
  destinationRows: 50,
  ...more,
});
const all = findings({ rangesDone: 2, sourceRows: 100, destinationRows: 100 });
const damaged = { ...all, damaged: { missing: 1, extra: 0, different: 1 } };
const compared = (reason: VerificationCompared['reason'], found: Findings) => then({ reason, findings: found });
const settled = (found: Findings) => then({ reason: 'done' as const, findings: found });
const same: VerificationLayout = { findings: [], differences: 0, unsettled: 0, notVerified: [] };

const PLANNED: Acts = {
  parse: [parse],
  planVerification: [then({ namespaces: 2, ranges: 2, estimatedRows: 100, notVerified: [], notVerifiedCount: 0 })],
  compareRows: [compared('done', all)],
  settleDifferences: [settled(all)],
  compareLayout: [then(same)],
  concludeVerification: [
    then([{ namespace: 'shop.orders', sourceRows: 100, destinationRows: 100, done: true }] as const),
  ],
};

const progress = (more: Partial<ReplayProgress> = {}): ReplayProgress => ({
  letters: 9,
  superseded: 0,
  refused: 0,
  dropped: 0,
  untouched: 0,
  ...more,
});
const replayed = (reason: ReplayResult['reason'], more: Partial<ReplayProgress> = {}) =>
  then({ reason, progress: progress(more) });

/** Lives of the workflows that work beside a stream: every call, every kind of end. */
export const BESIDE: Readonly<Record<string, BesideScenario>> = {
  'verification-repaired': {
    type: VERIFICATION_TYPE,
    input: { repair: true },
    acts: {
      ...PLANNED,
      compareRows: [
        compared('slice', findings()),
        () => fails('retry'),
        compared('suspects', findings({ rangesDone: 1, suspects: 1 })),
        compared('done', all),
      ],
      settleDifferences: [settled(findings({ rangesDone: 1 })), settled(damaged), settled(all)],
      repairDifferences: [then({ asked: 2, left: 0 })],
      compareLayout: [then({ ...same, notVerified: [{ namespace: 'shop.late', why: 'copying' }] })],
    },
    play: (handle) => handle.result(),
  },
  'verification-continued': {
    type: VERIFICATION_TYPE,
    input: {},
    acts: {
      ...PLANNED,
      compareRows: [...Array.from({ length: 24 }, () => compared('slice', findings())), compared('done', all)] as never,
    },
    play: (handle) => handle.result(),
  },
  'verification-cancelled': {
    type: VERIFICATION_TYPE,
    input: { namespaces: ['shop.*'], rowsPerSecond: 5 },
    acts: {
      ...PLANNED,
      compareRows: [
        async () => {
          await untilCancelled();
          return { reason: 'cancelled', findings: findings() };
        },
      ],
    },
    play: async (handle, begun) => {
      await begun('compareRows');
      await handle.cancel();
      await handle.result();
    },
  },
  'verification-gave-up': {
    type: VERIFICATION_TYPE,
    input: {},
    acts: {
      ...PLANNED,
      compareRows: [() => fails('needs_attention')],
      concludeVerification: [() => fails('retry'), then([])],
    },
    play: (handle) => handle.result(),
  },
  'replay-interrupted': {
    type: REPLAY_TYPE,
    input: { filter: { namespace: 'shop.orders' } },
    acts: {
      replayLetters: [
        replayed('shutdown', { superseded: 2 }),
        () => {
          throw ApplicationFailure.create({ type: WORKER_LOST, message: 'lost', nonRetryable: true });
        },
        () => fails('retry', { progress: progress({ superseded: 4 }) }),
        replayed('done', { superseded: 8, refused: 1 }),
      ],
    },
    play: (handle) => handle.result(),
  },
  'replay-cancelled': {
    type: REPLAY_TYPE,
    input: { filter: {} },
    acts: {
      replayLetters: [
        async () => {
          await untilCancelled();
          return { reason: 'cancelled', progress: progress() };
        },
      ],
    },
    play: async (handle, begun) => {
      await begun('replayLetters');
      await handle.cancel();
      await handle.result().catch(() => undefined);
    },
  },
  'replay-refused': {
    type: REPLAY_TYPE,
    input: { filter: { code: 'duplicate_key' } },
    acts: { replayLetters: [() => fails('needs_attention')] },
    play: (handle) => handle.result().catch(() => undefined),
  },
};
