import type { KindCounts } from '../../core/ports/verification';

/** Where a verification counts; the telemetry of a worker implements it. */
export interface VerificationMeter {
  compared(rows: number): void;
  /** Rows that are proven to differ; once in a run, also where they are repaired in it. */
  damaged(differences: KindCounts): void;
  /** How a run ended. */
  concluded(verdict: string): void;
}

export const noVerificationMeter: VerificationMeter = {
  compared: () => undefined,
  damaged: () => undefined,
  concluded: () => undefined,
};
