import type { StreamState } from '../../protocol/stream-state';
import type { VerificationState } from '../../protocol/verification-state';

export const noTotals = { read: 0, applied: 0, skipped: 0, bytes: 0, schemaChanges: 0 } as const;

/** The state of a stream that has just been started. */
export const initialState = (startedAt: string): StreamState => ({
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
  totals: noTotals,
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
  startedAt,
});

/** The state of a verification that has just been started. */
export const initialVerification = (run: string, startedAt: string): VerificationState => ({
  phase: 'plan',
  run,
  startedAt,
  parsed: false,
  namespaces: 0,
  estimatedRows: 0,
  findings: null,
  layout: null,
  asked: null,
  repairsLeft: 0,
  compared: false,
  cancelled: false,
  failure: null,
  gaveUp: false,
  failures: 0,
  verdict: null,
  rows: [],
  notVerified: [],
  notVerifiedCount: 0,
  endedAt: null,
});
