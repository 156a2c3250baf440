import type { Finding } from '../core/model/finding';
import type { Findings, NamespaceRows, NotVerified } from '../core/ports/verification';
import type { FailureInfo } from './failure';

/** `identical` is said of what was read to its end on both sides only. */
export type Verdict = 'identical' | 'different' | 'incomplete';

export type VerificationPhase = 'plan' | 'compare' | 'settle' | 'layout' | 'repair' | 'conclude' | 'ended';

/** Everything a run needs; carried over continue-as-new. Plain JSON; no key, no row. */
export interface VerificationState {
  phase: VerificationPhase;
  /** Names the records at the destination. */
  readonly run: string;
  readonly startedAt: string;
  /** The spec was checked and has all its defaults. */
  parsed: boolean;
  /** Selected at the source. */
  namespaces: number;
  estimatedRows: number;
  findings: Findings | null;
  layout: { readonly findings: readonly Finding[]; readonly differences: number; readonly unsettled: number } | null;
  /** Rows that were asked to be copied again; null before. */
  asked: number | null;
  repairsLeft: number;
  compared: boolean;
  cancelled: boolean;
  /** The last one, until something has gone well again. */
  failure: FailureInfo | null;
  /** The failure has ended the run. */
  gaveUp: boolean;
  /** Failures in a row. */
  failures: number;
  verdict: Verdict | null;
  rows: readonly NamespaceRows[];
  notVerified: readonly NotVerified[];
  notVerifiedCount: number;
  endedAt: string | null;
}

export const NOTHING_FOUND: Findings = {
  ranges: 0,
  rangesDone: 0,
  sourceRows: 0,
  destinationRows: 0,
  suspects: 0,
  damaged: { missing: 0, extra: 0, different: 0 },
  unsettled: 0,
  unlisted: 0,
};
