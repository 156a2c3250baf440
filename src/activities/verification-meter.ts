import type { KindCounts } from '../replication/verification';

/** Where a verification counts; the telemetry of a worker implements it. */
export interface VerificationMeter {
  compared(rows: number): void;
  /** How a run ended, and the rows that differ. */
  concluded(verdict: string, differences: KindCounts): void;
}

export const noVerificationMeter: VerificationMeter = {
  compared: () => undefined,
  concluded: () => undefined,
};
