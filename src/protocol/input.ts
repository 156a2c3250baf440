import type { StreamSpec } from '../config/schema';
import type { ReplayFilter } from './dead-letter-replay';
import type { StreamState } from './stream-state';
import type { VerificationState } from './verification-state';

/** Input of every run of a stream. People give only `spec`; continue-as-new adds `state`. */
export interface StreamInput {
  readonly spec: StreamSpec;
  readonly state?: StreamState;
}

/** Input of every run of a verification. People and schedules give no `state`. */
export interface VerificationInput {
  readonly spec: StreamSpec;
  readonly repair?: boolean;
  /** Patterns; all that the stream follows when left out. */
  readonly namespaces?: readonly string[] | null;
  /** Of each side; the spec's when left out. */
  readonly rowsPerSecond?: number | null;
  readonly state?: VerificationState;
}

/** Input of a replay: the letters of one stream that are open and match. */
export interface ReplayInput {
  readonly spec: StreamSpec;
  readonly filter: ReplayFilter;
}
