import { defineQuery } from '@temporalio/workflow';
import type { StreamSpec } from '../config/schema';
import type { Finding } from '../core/model/finding';
import type { Findings, KindCounts, NamespaceRows, NotVerified } from '../core/ports/verification';
import type { FailureInfo } from './failure';
import type { Verdict, VerificationPhase } from './verification-state';

export type VerificationStatus = 'planning' | 'comparing' | 'settling' | 'repairing' | 'retrying' | Verdict;

/** What the `progress` query and the workflow's result are; the documented JSON of `verify`. */
export interface VerificationView {
  readonly stream: string;
  readonly status: VerificationStatus;
  readonly phase: VerificationPhase;
  /** Null until it has ended. */
  readonly verdict: Verdict | null;
  /** Names the records at the destination. */
  readonly run: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly repair: boolean;
  readonly namespaces: number;
  readonly estimatedRows: number;
  readonly findings: Findings;
  readonly layout: readonly Finding[];
  readonly layoutDifferences: number;
  /** Rows that the stream was asked to copy again, and that are the same by now. */
  readonly repaired: number;
  /** Why it says no more than it does. */
  readonly gaps: readonly string[];
  readonly failure: FailureInfo | null;
  readonly rows: readonly NamespaceRows[];
  readonly notVerified: readonly NotVerified[];
}

/** Rows that are proven to differ. */
export const sumOf = ({ missing, extra, different }: KindCounts): number => missing + extra + different;

export const progressQuery = defineQuery<VerificationView>('progress');
/** The spec that is compared by: where a client finds the destination, to show keys. */
export const verifiedSpecQuery = defineQuery<StreamSpec>('spec');
