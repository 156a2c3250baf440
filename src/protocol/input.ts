import type { StreamSpec } from '../config/schema';
import type { ReplayFilter } from './dead-letter-replay';
import type { StreamState } from './stream-state';
import type { VerificationState } from './verification-state';

/**
 * Of the shape of the inputs below, states included. Raise it with every change of one of these shapes: a worker that
 * does not know the new shape then ends the workflow instead of going on from half of its state.
 */
export const INPUT_VERSION = 1;

export interface Versioned {
  /** Missing in what Tributary 0.1.0 has written, and in what people write by hand: that is version 1. */
  readonly version?: number;
}

/** Input of every run of a stream. People give only `spec`; continue-as-new adds `state`. */
export interface StreamInput extends Versioned {
  readonly spec: StreamSpec;
  readonly state?: StreamState;
}

/** Input of every run of a verification. People and schedules give no `state`. */
export interface VerificationInput extends Versioned {
  readonly spec: StreamSpec;
  readonly repair?: boolean;
  /** Patterns; all that the stream follows when left out. */
  readonly namespaces?: readonly string[] | null;
  /** Of each side; the spec's when left out. */
  readonly rowsPerSecond?: number | null;
  readonly state?: VerificationState;
}

/** Input of a replay: the dead letters of one stream that are open and match. */
export interface ReplayInput extends Versioned {
  readonly spec: StreamSpec;
  readonly filter: ReplayFilter;
}
