import { workflowInfo, type CancellationScope } from '@temporalio/workflow';
import type { StreamSpec } from '../../config/schema';
import type { StreamInput } from '../../protocol/input';
import type { ProgressSignal } from '../../protocol/stream-messages';
import type { StreamState } from '../../protocol/stream-state';
import { initialState } from './initial';

export interface LiveProgress {
  readonly at: string;
  readonly progress: ProgressSignal['progress'];
}

/** What phases and handlers of one workflow run share. All that must outlive the run is in `spec` and `state`. */
export interface Run {
  spec: StreamSpec;
  readonly state: StreamState;
  /** The call in flight, which an update may interrupt. */
  scope: CancellationScope | null;
  /** The revision of the spec that the last call was made with. */
  revisionInForce: number;
  /** Nothing is being written and nothing will be, until a person says so. */
  resting: boolean;
  /** A reconfigure is being checked; the next one waits for it. */
  revising: boolean;
  /** How long to wait before the next try. */
  delayMs: number;
  nextTryAt: string | null;
  /** Raised by whatever ends a wait. */
  nudges: number;
  /** Times in a row that the ledger was found at our epoch or above. */
  fencings: number;
  /** What the running leg has signalled; null before. */
  live: LiveProgress | null;
  /** Positions are inspected in this run; undefined before that was asked. */
  inspects: boolean | undefined;
  /** An inspection is under way. */
  inspecting: boolean;
  /** Length of the history when the next run was due; null before. */
  dueAtEvents: number | null;
}

export const openRun = (input: StreamInput): Run => ({
  spec: input.spec,
  state: input.state ?? initialState(workflowInfo().startTime.toISOString()),
  scope: null,
  revisionInForce: input.state?.revision ?? 0,
  resting: false,
  revising: false,
  delayMs: 0,
  nextTryAt: null,
  nudges: 0,
  fencings: 0,
  live: null,
  inspects: undefined,
  inspecting: false,
  dueAtEvents: null,
});

/** A call has told how far the stream is: that is newer than what was found out by itself. */
export function seen({ state }: Run): void {
  state.seenAt = new Date().toISOString();
  delete state.inspected;
}

/** Makes the call in flight return, and ends a wait. Safe at any time: the loop reads the state before it goes on. */
export function interrupt(run: Run): void {
  run.nudges += 1;
  run.resting = false;
  run.delayMs = 0;
  run.scope?.cancel();
}

/** A fresh try after something changed: no counter and no long slice is left over. */
export function beginAfresh(state: StreamState): void {
  state.failures = 0;
  state.needsAttention = false;
  state.sliceMs = null;
}
