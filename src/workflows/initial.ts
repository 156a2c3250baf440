import type { StreamState } from './state';

export const noTotals = { read: 0, applied: 0, skipped: 0, bytes: 0, schemaChanges: 0 } as const;

/** The state of a stream that has just been started. */
export const initialState = (startedAt: string): StreamState => ({
  version: 1,
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
  copy: 'all',
  copyMode: null,
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
