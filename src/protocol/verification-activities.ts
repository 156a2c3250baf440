import type { StreamSpec } from '../config/schema';
import type { Finding } from '../core/model/finding';
import type { Findings, NamespaceRows, NotVerified } from '../core/ports/verification';

/** As many are named in results and in workflow state; the others are counted. */
export const NAMED = 20;

export interface VerificationCall {
  readonly spec: StreamSpec;
  /** Names the records of this run at the destination. */
  readonly run: string;
  /** Patterns of what is compared; all that the stream follows when null. */
  readonly namespaces: readonly string[] | null;
}

export interface VerificationPlanned {
  readonly namespaces: number;
  readonly ranges: number;
  readonly estimatedRows: number;
  readonly notVerified: readonly NotVerified[];
  readonly notVerifiedCount: number;
}

export interface CompareCall extends VerificationCall {
  readonly rowsPerSecond: number;
  readonly sliceMs: number;
}

export interface VerificationCompared {
  readonly reason: 'done' | 'slice' | 'suspects' | 'cancelled' | 'shutdown';
  readonly findings: Findings;
}

export interface SettleCall extends VerificationCall {
  readonly sliceMs: number;
}

export interface VerificationSettled {
  readonly reason: 'done' | 'slice' | 'cancelled' | 'shutdown';
  readonly findings: Findings;
}

export interface VerificationLayout {
  /** Errors first; at most `NAMED`. */
  readonly findings: readonly Finding[];
  readonly differences: number;
  /** Namespaces whose shape changed during every comparison of it. */
  readonly unsettled: number;
  /** Those that the stream has parked, or copies, by now. */
  readonly notVerified: readonly NotVerified[];
}

export interface VerificationRepaired {
  readonly asked: number;
  /** What the stream has not copied again in time. */
  readonly left: number;
}

export interface ConcludeCall extends VerificationCall {
  readonly verdict: string;
  /** What differed was counted when it was repaired. */
  readonly repaired: boolean;
}

/** What the verification of a stream calls, on the control queue: legs never wait for a slot that it has. */
export interface VerificationActivities {
  planVerification(call: VerificationCall): Promise<VerificationPlanned>;
  compareRows(call: CompareCall): Promise<VerificationCompared>;
  settleDifferences(call: SettleCall): Promise<VerificationSettled>;
  compareLayout(call: VerificationCall): Promise<VerificationLayout>;
  /** Asks the stream for fresh copies of what differs, waits for them, and marks them to be rechecked. */
  repairDifferences(call: VerificationCall): Promise<VerificationRepaired>;
  concludeVerification(call: ConcludeCall): Promise<readonly NamespaceRows[]>;
}
